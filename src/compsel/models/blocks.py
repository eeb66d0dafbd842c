"""The blocks of a network, found in its graph: residual layers, the modules of Inceptions, separable convolutions.

Features flow from the first layers with weights to the first output. Nodes through which every path of that flow goes
cut the graph into segments. A segment that splits and joins again, with weights inside, is a block: a residual layer, a
module of branches. So is a depthwise convolution with the next dense one. What only acts on every element (activation,
normalisation) belongs to the block before it. Attention and the dense network after it are one layer of a transformer.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import prod

import onnx

from compsel.models.graph_queries import attribute, node_inputs
from compsel.models.model import Model

__all__ = ["Block", "find_blocks"]

_NUMBERS = {
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.BFLOAT16,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.INT8,
    onnx.TensorProto.UINT8,
    onnx.TensorProto.INT4,
    onnx.TensorProto.UINT4,
}
_SHAPES = ("Shape", "Size")
_EMBEDDINGS = "EmbedLayerNormalization"  # its second output is the mask
_ELEMENTWISE = re.compile(
    "Add|Sub|Mul|Div|Pow|Sqrt|Erf|Clip|Dropout|Identity|Cast|Tanh|Softplus|Mish|HardSwish|(Hard)?Sigmoid|"
    "(Leaky|P)?Relu|[SC]?elu|Elu|(Fast|Quick|Bias)?Gelu|(Quantize|Dequantize)Linear|"
    "(Batch|Instance|Group|RMS|(Skip|Simplified|SkipSimplified)?Layer)Normalization"
)
_JOINS = ("Add", "Sub", "Mul", "Div")


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a network.

    Attributes:
        output: name of the tensor that it ends in: what the next block reads.

    >>> from compsel.networks import build
    >>> len(find_blocks(build("mobilenet-v1", width=0.25, resolution=32)))
    13
    """

    output: str


@dataclass(slots=True)
class _Segment:
    """What lies between two cuts of the flow, its last node included."""

    last: onnx.NodeProto
    splits: bool
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weight: tuple[int, ...] | None = None

    @property
    def attends(self) -> bool:
        return any("Softmax" in node.op_type or "Attention" in node.op_type for node in self.nodes)

    @property
    def is_elementwise(self) -> bool:
        if self.weight is not None:
            return False
        if self.splits:
            return self.last.op_type in _JOINS
        return _ELEMENTWISE.fullmatch(self.last.op_type) is not None

    @property
    def is_block(self) -> bool:
        """Whether it splits and joins; a product of the branches is a gate inside a block (squeeze and excite)."""
        return self.splits and self.weight is not None and not self.last.op_type.endswith("Mul")

    @property
    def is_depthwise(self) -> bool:
        return not self.splits and self.weight is not None and attribute(self.last, "group", 1) == self.weight[0] > 1


def find_blocks(model: Model) -> list[Block]:
    """Return the blocks of a network in order; first layer (stem), head and classifier are none.

    In a chain without blocks (VGG) every layer with a weight is one, except the last. Empty where nothing is found.

    Args:
        model: an image network or a transformer; fused operators of ONNX Runtime are known too.
    """
    segments = _segments(model.proto.graph)
    blocks: list[tuple[str, bool]] = []
    layers: list[str] = []
    separable = False
    grows: list[bool] = [False, False]  # whether what follows belongs to the last of blocks, of layers
    for segment in segments:
        end = segment.last.output[0]
        if segment.is_elementwise:
            if segment.last.op_type != "QuantizeLinear":
                if grows[0]:
                    blocks[-1] = (end, blocks[-1][1])
                if grows[1]:
                    layers[-1] = end
            continue
        ends_block = segment.is_block or (separable and segment.weight is not None and not segment.splits)
        if segment.is_depthwise:
            separable, ends_block = True, False
        elif ends_block:
            separable = False
            blocks.append((end, segment.attends))
        if segment.weight is not None:
            layers.append(end)
        grows = [ends_block, segment.weight is not None]
    if not blocks:
        return [Block(name) for name in layers[:-1]]
    return [Block(end) for index, (end, attends) in enumerate(blocks) if not (attends and _feeds_dense(blocks, index))]


def _feeds_dense(blocks: list[tuple[str, bool]], index: int) -> bool:
    """Whether a residual block with attention is followed by one without: the two are one layer."""
    return index + 1 < len(blocks) and not blocks[index + 1][1]


def _segments(graph: onnx.GraphProto) -> list[_Segment]:
    """Return the segments of the flow from the first weights to the first output."""
    weights = dict(_weights(graph))
    producers: dict[str, int] = {}  # of features
    sources: list[list[int]] = []  # producers that each node reads features from
    before = [0] * len(graph.node)  # paths from the first weights to here
    for index, node in enumerate(graph.node):
        inputs = [*node.input, *(node_inputs(node) - set(node.input))]
        sources.append([] if node.op_type in _SHAPES else [producers[name] for name in inputs if name in producers])
        constant = bool(node.output) and node.output[0] in weights
        before[index] = sum(before[source] for source in sources[index])
        if not before[index] and not constant and any(name in weights for name in inputs):
            before[index] = 1
        if before[index]:
            features = node.output[:1] if node.op_type == _EMBEDDINGS else node.output
            producers.update(dict.fromkeys(filter(None, features), index))
    end = producers.get(graph.output[0].name) if graph.output else None
    if end is None:
        return []
    after = [0] * len(graph.node)  # paths from here to the output
    after[end] = 1
    for index in range(end, -1, -1):
        for source in sources[index]:
            after[source] += after[index]
    return _cut(graph, before, after, sources, weights)


def _cut(
    graph: onnx.GraphProto,
    before: list[int],
    after: list[int],
    sources: list[list[int]],
    weights: Mapping[str, tuple[int, ...]],
) -> list[_Segment]:
    total = max(a * b for a, b in zip(before, after, strict=True))
    segments: list[_Segment] = []
    place: dict[int, int] = {}  # number of cuts at or before each node of the flow
    members: dict[int, list[onnx.NodeProto]] = {}
    paths = 1
    for index, node in enumerate(graph.node):
        if not before[index] or not after[index]:
            continue
        count = max((place[source] for source in sources[index] if source in place), default=0)
        members.setdefault(count, []).append(node)
        place[index] = count
        if before[index] * after[index] == total:
            # where several embeddings meet, nothing has split yet
            segment = _Segment(node, bool(segments) and before[index] > paths, members[count])
            segment.weight = next((weights[n] for m in segment.nodes for n in m.input if n in weights), None)
            segments.append(segment)
            place[index] = len(segments)
            paths = before[index]
    return segments


def _weights(graph: onnx.GraphProto) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Give name and shape of every constant with more than one long axis, and of what is computed from constants."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    shapes = {name: tuple(tensor.dims) for name, tensor in constants.items()}
    numeric = {name for name, tensor in constants.items() if tensor.data_type in _NUMBERS}
    for node in graph.node:
        if node.op_type == "Constant":
            value = attribute(node, "value")
            known = isinstance(value, onnx.TensorProto)
            shapes[node.output[0]] = tuple(value.dims) if known else ()
            if known and value.data_type in _NUMBERS:
                numeric.add(node.output[0])
        elif node.input and all(name in shapes for name in node.input if name):
            largest = max((name for name in node.input if name), key=lambda name: prod(shapes[name]))
            for name in node.output:
                shapes[name] = shapes[largest]
                if largest in numeric:
                    numeric.add(name)
    for name in numeric:
        if sum(length > 1 for length in shapes[name]) > 1:
            yield name, shapes[name]
