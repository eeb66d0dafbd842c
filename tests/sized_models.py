"""A classifier of sequences of any length, whose cost grows with it, and samples of several lengths."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model

WIDTH = 16


def sequence_model(name: str = "sequence", layers: int = 2) -> Model:
    """Which half of its 16 columns is larger on average; `layers` do nothing but take time."""
    rng = np.random.default_rng(0)
    identity = np.linalg.qr(rng.standard_normal((WIDTH, WIDTH)))[0]
    nodes, here = [], "x"
    for number in range(layers):
        nodes.append(helper.make_node("MatMul", [here, f"turn{number % 2}"], [f"h{number}"]))
        here = f"h{number}"
    nodes.append(helper.make_node("ReduceMean", [here], ["mean"], axes=[1], keepdims=0))
    nodes.append(helper.make_node("MatMul", ["mean", "head"], ["scores"]))
    weights = {"turn0": identity, "turn1": identity.T, "head": np.repeat(np.eye(2), WIDTH // 2, axis=0)}
    if layers % 2:
        weights["head"] = identity.T @ weights["head"]
    proto = onnx.ModelProto(ir_version=8, opset_import=[helper.make_opsetid("", 17)])
    proto.graph.name = name
    proto.graph.node.extend(nodes)
    proto.graph.initializer.extend(
        numpy_helper.from_array(value.astype(np.float32), key) for key, value in weights.items()
    )
    proto.graph.input.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "length", WIDTH]))
    proto.graph.output.append(helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2]))
    return Model(name, proto, None)


def sequence(length: int, label: int, seed: int = 0) -> dict[str, np.ndarray]:
    """An input of that class."""
    value = np.random.default_rng(seed).standard_normal((1, length, WIDTH)).astype(np.float32)
    half = WIDTH // 2
    value[:, :, label * half : (label + 1) * half] += 3
    return {"x": value}


def sequences(lengths: list[int]) -> ArraySamples:
    """Samples of these lengths, of both classes in turn."""
    labels = [number % 2 for number in range(len(lengths))]
    return ArraySamples(
        [sequence(length, label, length) for length, label in zip(lengths, labels, strict=True)], labels
    )
