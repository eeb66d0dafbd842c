"""Which operators of a graph are quantised with fixed ranges.

A layer with a weight reads 8 bits. What a convolution or a Gemm gives stays in 8 bits through activations, sums and
poolings up to the next layer: that chain is what 8-bit kernels are made for. What a MatMul gives is float: its layers
stand in transformers, whose sums and normalisations have few, very large values, whose GELU is made of many steps, and
whose scores get a mask of -10000 or minus infinity: a scale that holds those leaves nothing for the others (cosine of
all-MiniLM-L6-v2's embeddings with those of float32: 0.80 with everything in 8 bits, 0.99 so). Products of two values
(attention) stay float too: 8 bits make them slower.
"""

from collections.abc import Collection

import onnx

from compsel.models.graph_queries import constants, is_standard

__all__ = ["FLOAT_OUTPUT", "QUANTISED_OPS", "quantised_nodes", "quantised_values"]

#: layers whose output stays in float32
FLOAT_OUTPUT = ("MatMul",)
_LAYERS = ("Conv", "ConvTranspose", "Gemm")
# operators with an 8-bit kernel, and those that only move values; normalisations and softmax lose too much in 8 bits
_FOLLOWERS = (
    *("Add", "Mul", "Concat", "Relu", "Clip", "LeakyRelu", "Sigmoid"),
    *("MaxPool", "AveragePool", "GlobalAveragePool"),
    *("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Resize", "Slice", "Pad", "Split", "Gather"),
)
QUANTISED_OPS = (*_LAYERS, *FLOAT_OUTPUT, *_FOLLOWERS)


def quantised_nodes(graph: onnx.GraphProto, floats: Collection[str]) -> list[onnx.NodeProto]:
    """Return the nodes to quantise, in graph order.

    Args:
        graph: its nodes in order; weights are initializers, or stand behind a DequantizeLinear.
        floats: names of the float32 values that are no weights.
    """
    fixed = set(constants(graph))
    fixed.update(n.output[0] for n in graph.node if is_standard(n, "DequantizeLinear") and n.input[0] in fixed)
    eight_bits = {value.name for value in graph.input}
    nodes = []
    for node in graph.node:
        read = [name for name in node.input if name in floats and name not in fixed]
        if is_standard(node, *_LAYERS):
            chosen = node.input[0] in floats
        elif is_standard(node, *FLOAT_OUTPUT):
            chosen = node.input[0] in floats and node.input[1] in fixed
        elif is_standard(node, "Gather") and node.input[0] in fixed:
            chosen = node.output[0] in floats  # a table of embeddings
        else:
            chosen = is_standard(node, *_FOLLOWERS) and bool(read) and eight_bits.issuperset(read)
        if not chosen or any(name not in floats for name in node.output if name):
            continue
        nodes.append(node)
        if not is_standard(node, *FLOAT_OUTPUT) and read:
            eight_bits.update(node.output)
    return nodes


def quantised_values(graph: onnx.GraphProto, floats: Collection[str]) -> list[str]:
    """Return the names of the float32 values that need a range, in graph order."""
    weights = constants(graph)
    names: dict[str, None] = {}
    for node in quantised_nodes(graph, floats):
        read = [name for name in node.input if name in floats and name not in weights]
        names.update(dict.fromkeys(read))
        if not is_standard(node, *FLOAT_OUTPUT):
            names.update(dict.fromkeys(filter(None, node.output)))
    return list(names)
