"""Which operators of a graph are quantised with fixed ranges.

A layer with a weight reads 8 bits. What a convolution or a Gemm gives stays in 8 bits through activations, sums and
poolings up to the next layer: that chain is what 8-bit kernels are made for. What a MatMul gives is float: its layers
stand in transformers, whose sums and normalisations have few, very large values, whose GELU is made of many steps, and
whose scores get a mask of -10000 or minus infinity: a scale that holds those leaves nothing for the others (cosine of
all-MiniLM-L6-v2's embeddings with those of float32: 0.80 with everything in 8 bits, 0.99 so). Products of two values
(attention) stay float too: 8 bits make them slower. So do layers whose output channels cannot have a scale each
(groups of a transposed convolution, stacked matrices), and all that lies between the last layers and the outputs: what
leaves the graph is not rounded.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import onnx

from compsel.models.graph_queries import constants, is_standard, node_inputs
from compsel.models.layers import has_unit_factors
from compsel.models.weights import scale_axis

__all__ = ["FLOAT_OUTPUT", "QUANTISED_OPS", "QuantisationPlan", "place"]

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


@dataclass(frozen=True)
class QuantisationPlan:
    """What is quantised in a graph.

    Attributes:
        nodes: the nodes to quantise, in graph order.
        outgoing: names of the nodes on the way to the outputs: what they read is not rounded for their sake.
        values: names of the float32 values that need a range, in graph order.
        leaving: names of the values that layers to quantise give to such nodes, or to the outside, only.

    >>> node = onnx.helper.make_node("Relu", ["x"], ["y"], "relu")
    >>> place(onnx.GraphProto(node=[node], output=[onnx.ValueInfoProto(name="y")]), {"x", "y"}).outgoing
    frozenset({'relu'})
    """

    nodes: tuple[onnx.NodeProto, ...]
    outgoing: frozenset[str]
    values: tuple[str, ...]
    leaving: frozenset[str]


def place(
    graph: onnx.GraphProto,
    floats: Collection[str],
    unbounded: Collection[str] = (),
    leaving: Collection[str] = (),
) -> QuantisationPlan:
    """Decide what is quantised.

    Args:
        graph: its nodes in order, each with a name; weights are initializers, or stand behind a DequantizeLinear.
        floats: names of the float32 values that are no weights.
        unbounded: those that no range can be given to: what makes or reads them stays in float32.
        leaving: names of nodes that stay in float32.
    """
    shapes = _constant_shapes(graph)
    layers = [
        node
        for node in _quantised_layers(graph, shapes, floats)
        if node.name not in leaving and not {*node.input, *node.output} & {*unbounded}
    ]
    chosen = {node.name for node in layers}
    inner = _read_by(graph, chosen)
    outgoing = _outgoing(graph, chosen, inner)
    eight_bits = {value.name for value in graph.input}
    nodes: list[onnx.NodeProto] = []
    values: dict[str, None] = {}
    given_out: set[str] = set()
    for node in graph.node:
        read = [name for name in node.input if name in floats and name not in shapes]
        if node.name not in chosen:
            follows = is_standard(node, *_FOLLOWERS) and bool(read) and eight_bits.issuperset(read)
            follows = follows and node.name not in leaving and not {*read, *node.output} & {*unbounded}
            if not follows or node.name in outgoing or any(name not in floats for name in node.output if name):
                continue
        nodes.append(node)
        values.update(dict.fromkeys(read))
        if not is_standard(node, *FLOAT_OUTPUT):
            made = [name for name in node.output if name in inner]
            eight_bits.update(made)
            values.update(dict.fromkeys(made))
            given_out.update(name for name in node.output if name and name not in inner)
    return QuantisationPlan(tuple(nodes), frozenset(outgoing), tuple(values), frozenset(given_out))


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
        shape = shapes.get(node.input[1])
        scaled = shape is not None and scale_axis(node, shape) is not None
        if scaled and has_unit_factors(node) and {node.input[0], node.output[0]} <= set(floats):
            layers.append(node)
    return layers


def _read_by(graph: onnx.GraphProto, layers: Collection[str]) -> set[str]:
    """Return the values that these layers read, directly or through other nodes."""
    inner: set[str] = set()
    for node in reversed(graph.node):
        if node.name in layers:
            inner.add(node.input[0])
        elif inner.intersection(node.output):
            inner.update(node_inputs(node))
    return inner


def _outgoing(graph: onnx.GraphProto, layers: Collection[str], inner: Collection[str]) -> set[str]:
    """Return the names of the nodes on the way from the layers to the outputs.

    Those that no layer is behind, and those whose result is an output, or goes to such nodes only.
    """
    waiting: Counter[str] = Counter(name for node in graph.node for name in node_inputs(node))
    leaving = {value.name for value in graph.output}
    outgoing: set[str] = set()
    for node in reversed(graph.node):
        if node.name in layers or (
            any(name in inner for name in node.output) and not leaving.intersection(node.output)
        ):
            continue
        outgoing.add(node.name)
        for name in node_inputs(node):
            waiting[name] -= 1
            if not waiting[name]:
                leaving.add(name)
    return outgoing
