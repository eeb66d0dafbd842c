"""Which operators of a graph are quantised with fixed ranges.

A layer with a weight reads 8 bits. What a convolution or a Gemm gives stays in 8 bits through activations, sums and
poolings up to the next layer: that chain is what 8-bit kernels are made for. What a MatMul gives is float: its layers
stand in transformers, whose sums and normalisations have few, very large values, whose GELU is made of many steps, and
whose scores get a mask of -10000 or minus infinity: a scale that holds those leaves nothing for the others (cosine of
all-MiniLM-L6-v2's embeddings with those of float32: 0.80 with everything in 8 bits, 0.99 so). Products of two values
(attention) stay float too: 8 bits make them slower. So do layers whose output channels cannot have a scale each
(groups of a transposed convolution, stacked matrices), and all that lies behind the last layer: what leaves the graph
is not rounded.
"""

from collections.abc import Collection, Iterable, Mapping

import onnx

from compsel.models.graph_queries import constants, is_standard, node_inputs
from compsel.models.layers import bias_name, has_unit_factors
from compsel.models.weights import scale_axis

__all__ = ["FLOAT_OUTPUT", "QUANTISED_OPS", "inner_values", "quantised_nodes", "quantised_values"]

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
    shapes = _constant_shapes(graph)
    layers = _quantised_layers(graph, shapes, floats)
    inner = _read_by(graph, layers)
    chosen = {id(node) for node in layers}
    eight_bits = {value.name for value in graph.input}
    nodes = []
    for node in graph.node:
        read = [name for name in node.input if name in floats and name not in shapes]
        if id(node) not in chosen:
            follows = is_standard(node, *_FOLLOWERS) and bool(read) and eight_bits.issuperset(read)
            if not follows or not inner.intersection(node.output) or any(n not in floats for n in node.output if n):
                continue
        nodes.append(node)
        if not is_standard(node, *FLOAT_OUTPUT):
            eight_bits.update(inner.intersection(node.output))
    return nodes


def inner_values(graph: onnx.GraphProto, floats: Collection[str]) -> set[str]:
    """Return the values that quantised layers read, directly or through other nodes: what is not on its way out.

    Args:
        graph, floats: see `quantised_nodes`.
    """
    return _read_by(graph, _quantised_layers(graph, _constant_shapes(graph), floats))


def quantised_values(graph: onnx.GraphProto, floats: Collection[str]) -> list[str]:
    """Return the names of the float32 values that need a range, in graph order."""
    weights, inner = constants(graph), inner_values(graph, floats)
    names: dict[str, None] = {}
    for node in quantised_nodes(graph, floats):
        read = [name for name in node.input if name in floats and name not in weights]
        names.update(dict.fromkeys(read))
        if not is_standard(node, *FLOAT_OUTPUT):
            names.update(dict.fromkeys(name for name in node.output if name in inner))
    return list(names)


def _constant_shapes(graph: onnx.GraphProto) -> dict[str, tuple[int, ...]]:
    """Return the shapes of constants, and of what a DequantizeLinear makes of them."""
    shapes = {name: tuple(tensor.dims) for name, tensor in constants(graph).items()}
    for node in graph.node:
        if is_standard(node, "DequantizeLinear") and node.input[0] in shapes:
            shapes[node.output[0]] = shapes[node.input[0]]
    return shapes


def _quantised_layers(
    graph: onnx.GraphProto, shapes: Mapping[str, tuple[int, ...]], floats: Collection[str]
) -> list[onnx.NodeProto]:
    """Return the layers that compute in float32 and whose weight can have a scale for each output channel."""
    layers = []
    for node in graph.node:
        if not is_standard(node, *_LAYERS, *FLOAT_OUTPUT) or node.input[0] in shapes:
            continue
        shape, bias = shapes.get(node.input[1]), shapes.get(bias_name(node), ())
        scaled = shape is not None and scale_axis(node, shape) is not None
        if scaled and has_unit_factors(node) and len(bias) <= 1 and {node.input[0], node.output[0]} <= set(floats):
            layers.append(node)
    return layers


def _read_by(graph: onnx.GraphProto, layers: Iterable[onnx.NodeProto]) -> set[str]:
    """Return the values that these layers read, directly or through other nodes."""
    inner: set[str] = set()
    chosen = {id(node) for node in layers}
    for node in reversed(graph.node):
        if id(node) in chosen:
            inner.add(node.input[0])
        elif inner.intersection(node.output):
            inner.update(node_inputs(node))
    return inner
