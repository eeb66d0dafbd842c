"""Layers in every form that exporters write, as models of one layer, with output channels of very different size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compsel import Model

# factors of the output channels: the largest is a million times the smallest
SPREAD = 3.0


@dataclass
class Form:
    """A layer: its nodes, weights, input and where the channels of the output "y" lie.

    Attributes:
        nodes: from "x" to "y".
        weights: by name.
        shape: of "x".
        axes: of the output that run over channels.
        integers: whether "x" are indices.
    """

    nodes: Sequence[onnx.NodeProto]
    weights: dict[str, np.ndarray]
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    integers: int = 0
    outputs: tuple[str, ...] = field(default=("y",))

    def model(self) -> Model:
        kind = TensorProto.INT64 if self.integers else TensorProto.FLOAT
        graph = helper.make_graph(
            list(self.nodes),
            "form",
            [helper.make_tensor_value_info("x", kind, self.shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in self.outputs],
            [numpy_helper.from_array(values, name) for name, values in self.weights.items()],
        )
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True)
        return Model.from_proto(inferred, "form")

    def feed(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        if self.integers:
            return {"x": rng.integers(0, self.integers, self.shape)}
        return {"x": rng.standard_normal(self.shape).astype(np.float32)}


def uneven(rng: np.random.Generator, shape: Sequence[int], channels: Sequence[int]) -> np.ndarray:
    """Return a weight; each place along the axes `channels` has a size of its own."""
    sizes = [length if axis in channels else 1 for axis, length in enumerate(shape)]
    factors = 10 ** rng.uniform(-SPREAD, SPREAD, sizes)
    return np.asarray(rng.standard_normal(shape) * factors, np.float32)


def _node(kind: str, inputs: Sequence[str], output: str = "y", **attributes: object) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), [output], **attributes)


def _pick(rng: np.random.Generator, *choices: int) -> int:
    return int(rng.choice(choices))


def conv(rng: np.random.Generator) -> Form:
    rank, groups = _pick(rng, 1, 2, 3), _pick(rng, 1, 2, 4)
    kernel = [_pick(rng, 1, 2, 3) for _ in range(rank)]
    w = uneven(rng, (groups * _pick(rng, 1, 3), _pick(rng, 1, 2, 5), *kernel), [0])
    inputs, bias = ["x", "w"], {}
    if rng.random() < 0.5:
        inputs, bias = ["x", "w", "b"], {"b": np.abs(w).reshape(len(w), -1).max(axis=1) * np.float32(0.5)}
    node = _node("Conv", inputs, group=groups)
    return Form([node], {"w": w, **bias}, (2, w.shape[1] * groups, *[6] * rank), (1,))


def conv_transpose(rng: np.random.Generator) -> Form:
    rank, groups, each = _pick(rng, 1, 2, 3), _pick(rng, 1, 2, 3), _pick(rng, 1, 2, 5)
    shape = (groups * _pick(rng, 2, 4), each, *[_pick(rng, 2, 3) for _ in range(rank)])
    w = uneven(rng, (groups, shape[0] // groups, *shape[1:]), [0, 2]).reshape(shape)
    node = _node("ConvTranspose", ["x", "w"], group=groups, strides=[_pick(rng, 1, 2)] * rank)
    return Form([node], {"w": w}, (2, shape[0], *[5] * rank), (1,))


def gemm(rng: np.random.Generator) -> Form:
    rows, inputs, outputs = 24, _pick(rng, 16, 40), _pick(rng, 1, 3, 20)
    trans_a, trans_b = _pick(rng, 0, 1), _pick(rng, 0, 1)
    w = uneven(rng, (inputs, outputs), [1])
    biases = [(), (outputs,), (1, outputs), (rows, 1)]
    shape = biases[_pick(rng, 0, 1, 2, 3)]
    bias = {"b": np.full(shape, np.abs(w).min(), np.float32)} if shape else {}
    factors = {"alpha": float(rng.uniform(0.1, 5)), "beta": float(rng.uniform(0.1, 5))} if rng.random() < 0.5 else {}
    node = _node("Gemm", ["x", "w", *bias], transA=trans_a, transB=trans_b, **factors)
    stored = np.ascontiguousarray(w.T) if trans_b else w
    return Form([node], {"w": stored, **bias}, (inputs, rows) if trans_a else (rows, inputs), (1,))


def gemm_left(rng: np.random.Generator) -> Form:
    outputs, inputs, trans_a, trans_b = _pick(rng, 3, 12), _pick(rng, 16, 40), _pick(rng, 0, 1), _pick(rng, 0, 1)
    w = uneven(rng, (outputs, inputs), [0])
    node = _node("Gemm", ["w", "x"], transA=trans_a, transB=trans_b)
    stored = np.ascontiguousarray(w.T) if trans_a else w
    return Form([node], {"w": stored}, (24, inputs) if trans_b else (inputs, 24), (0,))


def matmul(rng: np.random.Generator) -> Form:
    w = uneven(rng, (_pick(rng, 16, 40), _pick(rng, 1, 3, 20)), [1])
    return Form([_node("MatMul", ["x", "w"])], {"w": w}, (2, 12, len(w)), (2,))


def stacked_matmul(rng: np.random.Generator) -> Form:
    w = uneven(rng, (_pick(rng, 1, 3), _pick(rng, 16, 40), _pick(rng, 1, 7)), [0, 2])
    return Form([_node("MatMul", ["x", "w"])], {"w": w}, (w.shape[0], 24, w.shape[1]), (0, 2))


def matmul_left(rng: np.random.Generator) -> Form:
    stack = () if rng.random() < 0.5 else (_pick(rng, 1, 3),)
    rank = len(stack) + 2
    w = uneven(rng, (*stack, _pick(rng, 3, 7), _pick(rng, 16, 40)), range(rank - 1))
    return Form([_node("MatMul", ["w", "x"])], {"w": w}, (*stack, w.shape[-1], 24), tuple(range(rank - 1)))


def table(rng: np.random.Generator) -> Form:
    rows = _pick(rng, 20, 4100)  # the large one pays also where rows are decoded when they are read
    axis = 0 if rows > 20 else _pick(rng, 0, 1)
    w = uneven(rng, (rows, 16) if axis == 0 else (16, rows), [axis])
    nodes = [_node("Gather", ["w", "x"], axis=axis), _node("MatMul", ["m", "y"] if axis else ["y", "m"], "z")]
    weights = {"w": w, "m": np.eye(16, dtype=np.float32)}
    return Form(nodes, weights, (18,), (axis,), rows, ("y", "z"))


def einsum(rng: np.random.Generator) -> Form:
    equation, shape, channels, x, axes = [
        ("bk,kn->bn", (30, 6), [1], (24, 30), (1,)),
        ("nk,bk->bn", (6, 30), [0], (24, 30), (1,)),
        ("bhk,hkn->bhn", (3, 30, 4), [0, 2], (24, 3, 30), (1, 2)),
    ][_pick(rng, 0, 1, 2)]
    names = ["w", "x"] if equation.startswith("nk") else ["x", "w"]
    return Form([_node("Einsum", names, equation=equation)], {"w": uneven(rng, shape, channels)}, x, axes)


def moved(rng: np.random.Generator) -> Form:
    """A dense layer whose weight comes through operators that move or convert it."""
    outputs, inputs = _pick(rng, 4, 6), 24
    w = uneven(rng, (inputs, outputs), [1])
    kind = _pick(rng, 0, 1, 2, 3, 4, 5)
    moves: list[onnx.NodeProto] = []
    if kind == 0:
        w, moves = w.T, [_node("Transpose", ["w"], "v", perm=[1, 0])]
    elif kind == 1:
        w, moves = w.reshape(-1), [_node("Reshape", ["w", "s"], "v")]
    elif kind == 2:
        w, moves = w.reshape(inputs, 2, -1), [_node("Flatten", ["w"], "v", axis=1)]
    elif kind == 3:
        w, moves = w.T[None], [_node("Squeeze", ["w", "a"], "t"), _node("Transpose", ["t"], "v")]
    elif kind == 4:
        w = (w.T / np.abs(w).max() * 100).astype(np.float16)
        moves = [_node("Cast", ["w"], "t", to=TensorProto.FLOAT), _node("Transpose", ["t"], "v")]
    else:
        moves = [_node("Identity", ["w"], "v")]
    constants = {"s": np.array([inputs, outputs]), "a": np.array([0])}
    used = {name for node in moves for name in node.input}
    weights = {"w": np.ascontiguousarray(w), **{name: value for name, value in constants.items() if name in used}}
    layer = _node("Gemm", ["x", "v"]) if rng.random() < 0.5 else _node("MatMul", ["x", "v"])
    return Form([*moves, layer], weights, (24, inputs), (1,))


def shared(rng: np.random.Generator) -> Form:
    """A square weight that two layers read, perhaps one of them transposed."""
    size = 16
    w = uneven(rng, (size, size), [_pick(rng, 0, 1)])
    first, second = _pick(rng, 0, 1), _pick(rng, 0, 1)
    factor = {"alpha": float(rng.uniform(0.1, 5))} if rng.random() < 0.5 else {}
    nodes = [
        _node("Gemm", ["x", "w"], "g", transB=first, **factor),
        _node("Gemm", ["x", "w"], "h", transB=second),
        _node("Concat", ["g", "h"], axis=1),
    ]
    return Form(nodes, {"w": w}, (24, size), (1,))


def tied(rng: np.random.Generator) -> Form:
    """A table of embeddings that is also the last layer, through a Transpose."""
    w = uneven(rng, (30, 16), [0])
    nodes = [
        _node("Gather", ["w", "ids"], "rows"),
        _node("Transpose", ["w"], "v", perm=[1, 0]),
        _node("MatMul", ["x", "v"], "h"),
        _node("Concat", ["h", "h"], axis=0),
    ]
    return Form(nodes, {"w": w, "ids": np.arange(30)}, (24, 16), (1,), outputs=("y", "rows"))


def quantised(rng: np.random.Generator) -> Form:
    """A weight that is stored as integers, with a scale for each output channel."""
    codes = rng.integers(-127, 128, (24, 6)).astype(np.int8)
    scales = (10 ** rng.uniform(-SPREAD, SPREAD, 6)).astype(np.float32)
    nodes = [_node("DequantizeLinear", ["w", "s", "z"], "v", axis=1), _node("MatMul", ["x", "v"])]
    return Form(nodes, {"w": codes, "s": scales, "z": np.zeros(6, np.int8)}, (24, 24), (1,))


def recurrent(rng: np.random.Generator) -> Form:
    """One or two directions; a gate of a unit is a channel of both weights."""
    kind, gates = [("LSTM", 4), ("GRU", 3), ("RNN", 1)][_pick(rng, 0, 1, 2)]
    directions, inputs, units = _pick(rng, 1, 2), 20, _pick(rng, 4, 18)
    w = uneven(rng, (directions, gates * units, inputs), [0, 1])
    r = uneven(rng, (directions, gates * units, units), [0, 1])
    node = _node(kind, ["x", "w", "r"], hidden_size=units, direction="bidirectional" if directions > 1 else "forward")
    return Form([node], {"w": w, "r": r}, (5, 3, inputs), (1, 3))


FORMS: dict[str, Callable[[np.random.Generator], Form]] = {
    form.__name__: form
    for form in (
        *(conv, conv_transpose, gemm, gemm_left, matmul, stacked_matmul, matmul_left),
        *(table, einsum, moved, shared, tied, quantised),
    )
}
