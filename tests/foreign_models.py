"""Models as other tools export them, small and seeded: integer and several inputs, dynamic axes, old opsets."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compsel.model import Model

_RNG_SEED = 7


def _weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(_RNG_SEED).standard_normal(shape).astype(np.float32)


def finish(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    weights: dict[str, np.ndarray],
    *,
    opset: int = 17,
    ir_version: int = 8,
    domain: str | None = None,
) -> onnx.ModelProto:
    """Return a model; up to IR version 3 initializers are inputs too, as exporters of that time wrote them."""
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    if ir_version < 4:
        inputs = [*inputs, *(helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in tensors)]
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    graph = helper.make_graph(nodes, "foreign", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def two_inputs(name: str = "two") -> Model:
    """Tokens int64 (batch, length) and a mask float32 of the same axes -> a vector and a regression; both open."""
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["embedded"]),
        helper.make_node("Unsqueeze", ["mask", "last"], ["wide"]),
        helper.make_node("Mul", ["embedded", "wide"], ["masked"]),
        helper.make_node("MatMul", ["masked", "weight"], ["mixed"]),
        helper.make_node("ReduceMean", ["mixed"], ["vector"], axes=[1], keepdims=1),
    ]
    inputs = [
        helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", "length"]),
        helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["batch", "length"]),
    ]
    outputs = [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["batch", 1, 16])]
    weights = {"table": _weights(32, 24), "weight": _weights(24, 16), "last": np.array([2], np.int64)}
    return Model.from_proto(finish(nodes, inputs, outputs, weights), name)


def old_network(opset: int = 9, ir_version: int = 3, classes: int = 5) -> onnx.ModelProto:
    """An image classifier as exporters of 2019 wrote it: IR version 3, initializers among the inputs."""
    nodes = [
        helper.make_node("Conv", ["image", "kernel", "bias"], ["features"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["features"], ["active"]),
        helper.make_node("GlobalAveragePool", ["active"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weight", "offset"], ["scores"], transB=1),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 16, 16])]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, classes])]
    weights = {
        "kernel": _weights(8, 3, 3, 3),
        "bias": _weights(8),
        "weight": _weights(classes, 8),
        "offset": _weights(classes),
    }
    return finish(nodes, inputs, outputs, weights, opset=opset, ir_version=ir_version)


def unknown_operator() -> onnx.ModelProto:
    """A model with an operator that no runtime has."""
    nodes = [helper.make_node("Frobnicate", ["x"], ["y"], domain="example.frob")]
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "y")]
    return finish(nodes, value[:1], value[1:], {}, domain="example.frob")
