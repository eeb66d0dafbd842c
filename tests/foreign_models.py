"""Models as other tools export them, small and seeded: integer and several inputs, dynamic axes, old opsets."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from compsel.models.model import Model

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


def _value(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def minus_one() -> onnx.ModelProto:
    """Open axes written as -1, as PaddlePaddle's exporter does, and weights as constants."""
    nodes = [
        helper.make_node("Constant", [], ["kernel"], value=numpy_helper.from_array(_weights(4, 3, 3, 3))),
        helper.make_node("Conv", ["image", "kernel"], ["features"]),
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["scores"]),
    ]
    inputs = [_value("image", TensorProto.FLOAT, -1, 3, "height", "width")]
    return finish(nodes, inputs, [_value("scores", TensorProto.FLOAT, -1, 4)], {})


def texts() -> onnx.ModelProto:
    """A classifier of texts, as exporters of other learners write it: strings, counts of words, ONNX-ML, maps."""
    nodes = [
        helper.make_node("Reshape", ["text", "flat"], ["words"]),
        helper.make_node(
            "TfIdfVectorizer",
            ["words"],
            ["counts"],
            mode="TF",
            min_gram_length=1,
            max_gram_length=1,
            max_skip_count=0,
            ngram_counts=[0],
            ngram_indexes=[0, 1, 2],
            pool_strings=["good", "bad", ""],
        ),
        helper.make_node("Mul", ["counts", "weights"], ["features"]),
        helper.make_node("Reshape", ["features", "row"], ["wide"]),
        helper.make_node(
            "LinearClassifier",
            ["wide"],
            ["label", "scores"],
            domain="ai.onnx.ml",
            coefficients=[1.0, -1.0, 0.2, -1.0, 1.0, -0.2],
            intercepts=[0.1, 0.2],
            classlabels_ints=[0, 1],
            post_transform="SOFTMAX",
        ),
        helper.make_node("ZipMap", ["scores"], ["by_class"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]),
    ]
    entry = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    mapped = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.INT64, entry))
    outputs = [_value("label", TensorProto.INT64, "N"), helper.make_value_info("by_class", mapped)]
    weights = {
        "flat": np.array([-1], np.int64),
        "row": np.array([1, 3], np.int64),
        "weights": np.array([1.0, 2.0, 3.0], np.float32),
    }
    inputs = [_value("text", TensorProto.STRING, "N", 1)]
    return finish(nodes, inputs, outputs, weights, domain="ai.onnx.ml")


def looping() -> onnx.ModelProto:
    """A Loop that runs a dense layer of the main graph's weight as often as an input says."""
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "weight"], ["mixed"]),
            helper.make_node("Tanh", ["mixed"], ["next"]),
            helper.make_node("Identity", ["go"], ["going"]),
        ],
        "body",
        [_value("step", TensorProto.INT64), _value("go", TensorProto.BOOL), _value("state", TensorProto.FLOAT, 1, 24)],
        [_value("going", TensorProto.BOOL), _value("next", TensorProto.FLOAT, 1, 24)],
    )
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["first"]),
        helper.make_node("Loop", ["times", "yes", "first"], ["y"], body=body),
    ]
    inputs = [_value("x", TensorProto.FLOAT, 1, 24), _value("times", TensorProto.INT64)]
    weights = {"weight": _weights(24, 24) / 5, "yes": np.array(True)}
    return finish(nodes, inputs, [_value("y", TensorProto.FLOAT, 1, 24)], weights)


def vendor_operators() -> onnx.ModelProto:
    """Operators of the runtime's own domain between standard ones."""
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["h"]),
        helper.make_node("BiasGelu", ["h", "bias"], ["g"], domain="com.microsoft"),
        helper.make_node("FusedMatMul", ["g", "second"], ["y"], domain="com.microsoft", transB=1),
    ]
    weights = {"first": _weights(16, 32), "bias": _weights(32), "second": _weights(8, 32)}
    values = [_value("x", TensorProto.FLOAT, "N", 16)], [_value("y", TensorProto.FLOAT, "N", 8)]
    return finish(nodes, *values, weights, domain="com.microsoft")


def half_weights() -> onnx.ModelProto:
    """float16 throughout, inputs and outputs too."""
    nodes = [
        helper.make_node("Gemm", ["x", "weight", "bias"], ["h"]),
        helper.make_node("Relu", ["h"], ["y"]),
    ]
    weights = {"weight": _weights(16, 8).astype(np.float16), "bias": _weights(8).astype(np.float16)}
    values = [_value("x", TensorProto.FLOAT16, "N", 16)], [_value("y", TensorProto.FLOAT16, "N", 8)]
    return finish(nodes, *values, weights)


def half_layers() -> onnx.ModelProto:
    """A table in float32, layers in float16: what a training in mixed precision exports."""
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["rows"]),
        helper.make_node("Cast", ["rows"], ["halves"], to=TensorProto.FLOAT16),
        helper.make_node("MatMul", ["halves", "weight"], ["y"]),
    ]
    weights = {"table": _weights(30, 16), "weight": _weights(16, 8).astype(np.float16)}
    values = [_value("tokens", TensorProto.INT64, 1, "n")], [_value("y", TensorProto.FLOAT16, 1, "n", 8)]
    return finish(nodes, *values, weights)


def signal() -> onnx.ModelProto:
    """A signal of an open length that must be long enough, beside a state that must be short."""
    nodes = [
        helper.make_node("Conv", ["wave", "kernel"], ["frames"], strides=[64]),
        helper.make_node("ReduceMean", ["frames"], ["mean"], axes=[2], keepdims=0),
        helper.make_node("Concat", ["mean", "last"], ["both"], axis=0),
        helper.make_node("ReduceMean", ["both"], ["y"], axes=[0], keepdims=1),
    ]
    inputs = [_value("wave", TensorProto.FLOAT, 1, 1, "n"), _value("last", TensorProto.FLOAT, "m", "w")]
    return finish(nodes, inputs, [_value("y", TensorProto.FLOAT, 1, 8)], {"kernel": _weights(8, 1, 200)})


def unrolled(steps: int = 6) -> onnx.ModelProto:
    """A recurrent layer that was exported step by step: one weight, many layers."""
    nodes, value = [], "x"
    for step in range(steps):
        nodes.append(helper.make_node("Gemm", [value, "weight", "bias"], [f"h{step}"], transB=1))
        nodes.append(helper.make_node("Tanh", [f"h{step}"], [f"t{step}"]))
        value = f"t{step}"
    nodes[-1].output[0] = "y"
    values = [_value("x", TensorProto.FLOAT, 1, 64)], [_value("y", TensorProto.FLOAT, 1, 64)]
    return finish(nodes, *values, {"weight": _weights(64, 64) / 8, "bias": _weights(64)})


def never_runs() -> onnx.ModelProto:
    """Open axes whose lengths must be 15 and 7, which nobody guesses."""
    nodes = [helper.make_node("Gemm", ["x", "weight"], ["h"]), helper.make_node("Reshape", ["h", "shape"], ["y"])]
    weights = {"weight": _weights(7, 3), "shape": np.array([5, 9], np.int64)}
    values = [_value("x", TensorProto.FLOAT, "n", "m")], [_value("y", TensorProto.FLOAT, 5, 9)]
    return finish(nodes, *values, weights)


ODD = {
    function.__name__: function
    for function in (minus_one, texts, looping, vendor_operators, half_weights, half_layers, signal, unrolled)
}
