"""Reports about quantised models, and weights that are hard to quantise."""

import numpy as np
import onnx
from numpy.random import Generator
from onnx import TensorProto, helper

from tests.public_reports.reports import ALL, WEIGHTS, Feed, array, graph_of, model_of, node, report, tensor, weight
from tests.public_reports.types import rows


def picture(generator: Generator) -> Feed:
    return {"x": generator.integers(0, 256, (1, 3, 8, 8)).astype(np.uint8)}


@report("huggingface/sentence-transformers#2598", rows)
def quantised_already_with_pairs() -> onnx.ModelProto:
    nodes = [
        node("QuantizeLinear", ["x", "xs", "z"], ["q"]),
        node("DequantizeLinear", ["q", "xs", "z"], ["d"]),
        node("DequantizeLinear", ["wq", "ws"], ["w"], axis=1),
        node("MatMul", ["d", "w"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("MatMul", ["r", "v"], ["y"]),
    ]
    w = weight(32, 32, axis=1)
    scale = (abs(w).max(axis=0) / 127).astype(np.float32)
    held = {"xs": np.float32(0.03), "z": np.uint8(128), "wq": np.rint(w / scale).astype(np.int8), "ws": scale}
    held["v"] = weight(32, 8, axis=1)
    return model_of(graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8])], held))


@report("microsoft/onnxruntime#28447", picture)
def quantised_already_with_integers() -> onnx.ModelProto:
    """QLinearConv, ConvInteger and MatMulInteger, beside one layer in float32."""
    nodes = [
        node("QLinearConv", ["x", "s", "z", "wq", "ws", "wz", "s", "z"], ["a"]),
        node("ConvInteger", ["a", "vq", "z", "wz"], ["i"]),
        node("Cast", ["i"], ["f"], to=TensorProto.FLOAT),
        node("Mul", ["f", "small"], ["m"]),
        node("Conv", ["m", "last"], ["y"]),
    ]
    generator = np.random.default_rng(0)
    held = {"s": np.float32(0.02), "z": np.uint8(128), "wq": generator.integers(-99, 99, (4, 3, 3, 3)).astype(np.int8)}
    held |= {"ws": np.float32(0.01), "wz": np.int8(0), "small": np.float32(1e-3), "last": weight(5, 6, 1, 1)}
    held["vq"] = generator.integers(-99, 99, (6, 4, 1, 1)).astype(np.int8)
    inputs = [tensor("x", [1, 3, 8, 8], TensorProto.UINT8)]
    return model_of(graph_of(nodes, inputs, [tensor("y", [1, 5, 6, 6])], held))


@report("microsoft/onnxruntime#28306", rows)
def weight_in_blocks_of_four_bits() -> onnx.ModelProto:
    """A weight in blocks of int4, unpacked in the graph, and read by two layers."""
    nodes = [
        node("DequantizeLinear", ["wq", "ws"], ["w"], axis=0, block_size=16),
        node("MatMul", ["x", "w"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("DequantizeLinear", ["wq", "ws"], ["w2"], axis=0, block_size=16),
        node("MatMul", ["r", "w2"], ["i"]),
        node("MatMul", ["i", "v"], ["y"]),
    ]
    held = {"ws": abs(array(2, 32)) * 0.05, "v": weight(32, 8, axis=1)}
    graph = graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8])], held)
    numbers = np.random.default_rng(0).integers(-8, 8, 1024).tolist()
    graph.initializer.append(helper.make_tensor("wq", TensorProto.INT4, [32, 32], numbers))
    return model_of(graph, 21, 10)


@report("microsoft/onnxruntime#31152", rows, "int8-weight int4-weight int4-weight:block_size=64")
def fewer_inputs_than_a_block() -> onnx.ModelProto:
    """Input channels that no block size divides."""
    nodes = [
        node("Slice", ["x", "zero", "many", "one"], ["s"]),
        node("MatMul", ["s", "w"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("MatMul", ["r", "u"], ["t"]),
        node("MatMul", ["t", "v"], ["y"]),
    ]
    held = {"w": weight(19, 77, axis=1), "u": weight(77, 33, axis=1), "v": weight(33, 8, axis=1)}
    held |= {"zero": np.array([0]), "many": np.array([19]), "one": np.array([1])}
    return model_of(graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8])], held))


@report("intel/neural-compressor#1666", rows, ALL)
def weights_of_no_elements() -> onnx.ModelProto:
    """A branch of no channels, joined with another."""
    nodes = [
        node("MatMul", ["x", "none"], ["e"]),
        node("MatMul", ["x", "w"], ["h"]),
        node("Concat", ["e", "h"], ["c"], axis=1),
        node("Relu", ["c"], ["r"]),
        node("MatMul", ["r", "v"], ["y"]),
    ]
    held = {"none": np.zeros((32, 0), np.float32), "w": weight(32, 32, axis=1), "v": weight(32, 8, axis=1)}
    return model_of(graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8])], held))


@report("microsoft/onnxruntime#29849", rows, WEIGHTS + " int8-static")
def columns_of_very_different_size() -> onnx.ModelProto:
    """Output channels over six orders of magnitude, and activations with outliers."""
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("Add", ["h", "far"], ["a"]),
        node("Tanh", ["h"], ["t"]),
        node("MatMul", ["t", "v"], ["y"]),
        node("MatMul", ["a", "v"], ["z"]),
    ]
    far = np.zeros(32, np.float32)
    far[7] = 40
    held = {"w": weight(32, 32, axis=1), "far": far, "v": weight(32, 8, axis=1, spread=1e6)}
    return model_of(graph_of(nodes, [tensor("x", [4, 32])], [tensor("y", [4, 8]), tensor("z", [4, 8])], held))
