"""Small models of the kinds that others export, with seeded weights; none has image preprocessing."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compsel import Model

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
Shape = Sequence[int | str | None]


def weight(name: str, *shape: int, seed: int = 0, scale: float = 0.3) -> onnx.TensorProto:
    values = np.random.default_rng([seed, len(name), *name.encode()]).standard_normal(shape) * scale
    return numpy_helper.from_array(values.astype(np.float32), name)


def value(name: str, dtype: int, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def make(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: Sequence[onnx.TensorProto],
    opset: int = 17,
    name: str = "foreign",
) -> Model:
    graph = helper.make_graph(list(nodes), name, list(inputs), list(outputs), list(weights))
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(proto, full_check=True)
    return Model.from_proto(proto, name)


def convolutional(opset: int = 17, batch: int | str = "N") -> Model:
    """Conv, batch norm, ReLU6, pooling, dense layer."""
    clamp = {"min": 0.0, "max": 6.0} if opset < 11 else {}
    limits = [] if opset < 11 else ["zero", "six"]
    drop = {"ratio": 0.5} if opset < 12 else {}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["a", "s", "b", "m", "v"], ["n"], epsilon=1e-3),
        helper.make_node("Clip", ["n", *limits], ["c"], **clamp),
        helper.make_node("Identity", ["c"], ["i"]),
        helper.make_node("GlobalAveragePool", ["i"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Dropout", ["f"], ["d"], **drop),
        helper.make_node("Gemm", ["d", "fw", "fb"], ["y"], transB=1),
    ]
    norm = [weight(name, 8, scale=0.1) for name in ("s", "b", "m")]
    variance = numpy_helper.from_array(np.linspace(0.5, 2, 8, dtype=np.float32), "v")
    bounds = [numpy_helper.from_array(np.float32(number), name) for number, name in ((0, "zero"), (6, "six"))]
    norm[0].CopyFrom(numpy_helper.from_array(np.linspace(0.5, 3, 8, dtype=np.float32), "s"))
    weights = [
        weight("w", 8, 3, 3, 3),
        *norm,
        variance,
        *(bounds if limits else ()),
        weight("fw", 5, 8),
        weight("fb", 5),
    ]
    return make(nodes, [value("x", FLOAT, [batch, 3, 16, 16])], [value("y", FLOAT, [batch, 5])], weights, opset)


def two_inputs() -> Model:
    nodes = [
        helper.make_node("Conv", ["left", "w"], ["a"], kernel_shape=[3, 3]),
        helper.make_node("Conv", ["right", "w"], ["b"], kernel_shape=[3, 3]),
        helper.make_node("Add", ["a", "b"], ["s"]),
        helper.make_node("Relu", ["s"], ["y"]),
    ]
    inputs = [value("left", FLOAT, [1, 3, 8, 8]), value("right", FLOAT, [1, 3, 8, 8])]
    return make(nodes, inputs, [value("y", FLOAT, [1, 4, 6, 6])], [weight("w", 4, 3, 3, 3)])


def token_classifier() -> Model:
    """Integer tokens, an open length, an embedding, attention-like products."""
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["e"]),
        helper.make_node("MatMul", ["e", "q"], ["eq"]),
        helper.make_node("Transpose", ["e"], ["et"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["eq", "et"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["p"], axis=-1),
        helper.make_node("MatMul", ["p", "e"], ["mixed"]),
        helper.make_node("MatMul", ["mixed", "out"], ["y"]),
    ]
    weights = [weight("table", 50, 16, scale=1.0), weight("q", 16, 16), weight("out", 16, 4)]
    return make(nodes, [value("tokens", INT64, ["N", "L"])], [value("y", FLOAT, ["N", "L", 4])], weights)


def branching() -> Model:
    """An If whose branches read a value of the main graph and a weight of it."""

    def branch(name: str, op_type: str) -> onnx.GraphProto:
        node = helper.make_node(op_type, ["a", "w2"], [f"{name}_out"], name=f"{name}_node")
        return helper.make_graph([node], name, [], [value(f"{name}_out", FLOAT, [1, 4, 6, 6])])

    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], kernel_shape=[3, 3]),
        helper.make_node("Relu", ["c"], ["a"]),
        helper.make_node("If", ["flag"], ["i"], then_branch=branch("then", "Add"), else_branch=branch("else", "Mul")),
        helper.make_node("Add", ["i", "a"], ["y"]),
    ]
    inputs = [value("x", FLOAT, [1, 3, 8, 8]), value("flag", BOOL, [])]
    return make(nodes, inputs, [value("y", FLOAT, [1, 4, 6, 6])], [weight("w", 4, 3, 3, 3), weight("w2", 1, 4, 1, 1)])


def two_outputs_unnamed() -> Model:
    """A clamp behind an output, constants as nodes, unnamed nodes, a weight shared by two layers."""
    ratio = numpy_helper.from_array(np.float32(2.0))
    nodes = [
        helper.make_node("Constant", [], ["two"], value=ratio),
        helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "w", "b"], ["g"]),
        helper.make_node("Mul", ["g", "two"], ["y"]),
    ]
    outputs = [value("h", FLOAT, ["N", 6]), value("y", FLOAT, ["N", 6])]
    return make(nodes, [value("x", FLOAT, ["N", 6])], outputs, [weight("w", 6, 6), weight("b", 6)])


def without_layers() -> Model:
    return make(
        [helper.make_node("Softmax", ["x"], ["y"])], [value("x", FLOAT, [1, 4])], [value("y", FLOAT, [1, 4])], []
    )


def with_external_data(folder: Path) -> Model:
    path = folder / "external.onnx"
    proto = convolutional().proto
    onnx.save_model(proto, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return Model.load(path)


FOREIGN: dict[str, Callable[[], Model]] = {
    "convolutional": convolutional,
    "opset-9": lambda: convolutional(opset=9),
    "opset-11": lambda: convolutional(opset=11),
    "two-inputs": two_inputs,
    "token-classifier": token_classifier,
    "branching": branching,
    "two-outputs": two_outputs_unnamed,
}
