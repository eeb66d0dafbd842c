"""Small models whose answers are of every kind, and inputs for them."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compsel.models.model import Model

WIDTH = 8


def inputs(count: int, seed: int = 1) -> list[dict[str, np.ndarray]]:
    """Return feeds with one row each."""
    generator = np.random.default_rng(seed)
    return [{"x": generator.standard_normal((1, WIDTH)).astype(np.float32)} for _ in range(count)]


def model(
    heads: dict[str, tuple[Sequence[int | None], str]],
    *,
    axis: int = 1,
    seed: int = 0,
    opset: int = 17,
    metadata: dict[str, str] | None = None,
    first: float = 1.0,
    noisy: str = "",
) -> Model:
    """Return a linear model with an output for each head.

    Args:
        heads: by name: shape behind the batch, and what ends it: "", "Softmax", "Sigmoid", "ArgMax", ...
        axis: of a softmax or an argmax, counted with the batch.
        seed: of the weights.
        opset: of the graph.
        metadata: of the model.
        noisy: name of a head whose weights are disturbed.
        first: factor of the scores of the first head: how sure it is.
    """
    generator = np.random.default_rng(seed)
    nodes, weights, outputs = [], [], []
    for number, (name, (shape, ending)) in enumerate(heads.items()):
        size = int(np.prod([length for length in shape if length]))
        weight = generator.standard_normal((WIDTH, size)).astype(np.float32) * (first if number == 0 else 1.0)
        if name == noisy:
            weight += 0.3 * np.random.default_rng(9).standard_normal(weight.shape).astype(np.float32)
        weights += [
            numpy_helper.from_array(weight, f"{name}_w"),
            numpy_helper.from_array(np.array([-1, *shape], np.int64), f"{name}_shape"),
        ]
        flat, raw = f"{name}_flat", f"{name}_raw" if ending else name
        nodes += [
            helper.make_node("MatMul", ["x", f"{name}_w"], [flat]),
            helper.make_node("Reshape", [flat, f"{name}_shape"], [raw]),
        ]
        kept: list[int | None] = [None, *shape]
        elements = TensorProto.FLOAT
        if ending == "ArgMax":
            nodes.append(helper.make_node("ArgMax", [raw], [name], axis=axis, keepdims=0))
            del kept[axis]
            elements = TensorProto.INT64
        elif ending:
            options = {} if ending == "Sigmoid" else {"axis": axis}
            nodes.append(helper.make_node(ending, [raw], [name], **options))
        outputs.append(helper.make_tensor_value_info(name, elements, kept))
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, WIDTH])], outputs, weights
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    for key, value in (metadata or {}).items():
        proto.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(proto)
    return Model.from_proto(proto, "net")
