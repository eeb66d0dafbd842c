"""The weights of a graph: who reads them, through what, and where their output channels lie.

The one description of output channels: whatever gives channels scales, thresholds or factors asks here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto

from compsel.models.channel_axes import ChannelAxes
from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_queries import attribute, captured_names, constants, is_standard
from compsel.models.layers import LAYERS, is_depthwise, output_axis
from compsel.models.moved_axes import MovedAxes

__all__ = [
    "RECURRENT",
    "WEIGHT_OPERATORS",
    "Weight",
    "WeightReader",
    "input_channels",
    "output_channels",
    "read_weights",
    "scale_axis",
]

RECURRENT = ("LSTM", "GRU", "RNN")
#: operators with output channels that read weights
WEIGHT_OPERATORS = (*LAYERS, *RECURRENT, "Einsum", "Gather")
_MOVES = ("Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten")
_CONVERTS = ("Cast", "DequantizeLinear")
_MATRIX = 2
_SHAPE_ONLY = ("Shape", "Size")


@dataclass(frozen=True)
class WeightReader:
    """An operator that reads a weight.

    Attributes:
        node: the operator.
        index: of its input.
        chain: the operators between the weight and it, which move or convert its numbers only.
        layout: the output channels in the weight as it is stored; None where no layout says them.

    >>> node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    >>> WeightReader(node, 1, (), output_channels(node, 1, (3, 2))).layout.axis
    1
    """

    node: onnx.NodeProto
    index: int
    chain: tuple[onnx.NodeProto, ...]
    layout: ChannelAxes | None


@dataclass(frozen=True)
class Weight:
    """A constant that operators with output channels read.

    Attributes:
        name: of the initializer.
        shape: of it.
        readers: the operators with output channels, in the order of the graph.
        others: how often it is read otherwise: by other operators, by sub-graphs, as an output of the graph.

    >>> weight = Weight("w", (3, 2), (), others=1)
    >>> weight.layout is None
    True
    """

    name: str
    shape: tuple[int, ...]
    readers: tuple[WeightReader, ...]
    others: int

    @property
    def sums_little(self) -> bool:
        """Whether answers read few of its numbers, so that each of them matters: depthwise filters, rows of a table."""
        nodes = [reader.node for reader in self.readers]
        return any(is_standard(node, "Gather") or is_depthwise(node, self.shape) for node in nodes)

    @property
    def layouts(self) -> tuple[ChannelAxes, ...]:
        """The output channels that its readers have in it, without repetitions; () where those of one are not known."""
        layouts = dict.fromkeys(reader.layout for reader in self.readers)
        return tuple(layout for layout in layouts if layout is not None) if None not in layouts else ()

    @property
    def layout(self) -> ChannelAxes | None:
        """The output channels, the same ones for all who read it; None where they differ or are not known."""
        return self.layouts[0] if len(self.layouts) == 1 and not self.others else None


def output_channels(node: onnx.NodeProto, index: int, shape: tuple[int, ...]) -> ChannelAxes | None:
    """Return where the output channels of an operator lie in its input at `index`.

    Args:
        node: Conv, ConvTranspose, Gemm, MatMul (weights of more than two axes: the columns of each matrix), Einsum of
            two values, LSTM, GRU, RNN (directions, gates, units) or Gather (what an index picks).
        index: of the input.
        shape: of it.

    Returns:
        None where the operator has no such input, or no output channels: vectors, and an Einsum that sums nothing.

    >>> node = onnx.helper.make_node("ConvTranspose", ["x", "w"], ["y"], group=2)
    >>> output_channels(node, 1, (4, 3, 5)).split
    (2, 2, 3, 5)
    """
    rank = len(shape)
    if rank < 2:
        return None
    axes: tuple[int, ...] | None = None
    if index == 1 and is_standard(node, "ConvTranspose") and attribute(node, "group", 1) != 1:
        groups = int(attribute(node, "group", 1))
        return ChannelAxes.make(shape, (groups, shape[0] // groups, *shape[1:]), (0, 2))
    if is_standard(node, "Conv", "ConvTranspose", "Gemm") and index == 1:
        axis = output_axis(node)
        axes = None if axis is None else (axis,)
    elif is_standard(node, "Gemm") and index == 0:
        axes = (1,) if attribute(node, "transA", 0) else (0,)
    elif is_standard(node, "MatMul"):
        summed = rank - 2 if index else rank - 1
        axes = tuple(axis for axis in range(rank) if axis != summed)
    elif is_standard(node, *RECURRENT) and index in (1, 2):
        axes = (0, 1)
    elif is_standard(node, "Gather") and index == 0:
        axes = (int(attribute(node, "axis", 0)) % rank,)
    elif is_standard(node, "Einsum"):
        axes = _kept_labels(node, index, rank)
    return None if axes is None else ChannelAxes.make(shape, shape, axes)


def _kept_labels(node: onnx.NodeProto, index: int, rank: int) -> tuple[int, ...] | None:
    """Return the axes of an operand of an Einsum that its output has; None for what no plain product is."""
    equation = attribute(node, "equation", b"").decode(errors="replace").replace(" ", "")
    operands, arrow, result = equation.partition("->")
    labels = operands.split(",")
    if not arrow or "." in equation or len(labels) != 2 or len(labels[index]) != rank or len(set(labels[index])) < rank:
        return None
    kept = tuple(axis for axis, label in enumerate(labels[index]) if label in result)
    return kept if len(kept) < rank else None


def input_channels(node: onnx.NodeProto, shape: tuple[int, ...]) -> ChannelAxes | None:
    """Return where the *input* channels of a layer lie in its weight; None for other operators and stacked matrices.

    Args:
        node: Conv (groups too), ConvTranspose, Gemm or MatMul.
        shape: of its weight.

    >>> node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], group=2)
    >>> input_channels(node, (4, 3, 5)).count
    6
    """
    if len(shape) < _MATRIX:
        return None
    if is_standard(node, "Conv"):
        groups = int(attribute(node, "group", 1))
        return ChannelAxes.make(shape, (groups, shape[0] // groups, *shape[1:]), (0, 2))
    if is_standard(node, "ConvTranspose"):
        return ChannelAxes.make(shape, shape, (0,))
    axis = scale_axis(node, shape)
    return None if axis is None else ChannelAxes.make(shape, shape, (1 - axis,))


def scale_axis(node: onnx.NodeProto, shape: tuple[int, ...]) -> int | None:
    """Return the axis along which a layer's weight has one scale for each output channel, as DequantizeLinear takes it.

    None where no one axis runs over the channels (groups of a transposed convolution, stacked matrices), for vectors,
    and for operators that are no layers.

    Args:
        node: a layer.
        shape: of its weight.

    >>> node = onnx.helper.make_node("ConvTranspose", ["x", "w"], ["y"])
    >>> scale_axis(node, (4, 3, 5))
    1
    """
    if not is_standard(node, *LAYERS) or (is_standard(node, "MatMul") and len(shape) != _MATRIX):
        return None
    layout = output_channels(node, 1, shape)
    if layout is None:
        return None
    return output_axis(node) if layout.count == 1 else layout.axis


def read_weights(editable: EditableGraph) -> dict[str, Weight]:
    """Return the constants of at least two axes that operators with output channels read, in the graph's order.

    They are found through operators that only move or convert numbers; those behind a DequantizeLinear are named by
    what is stored, too.
    """
    graph = editable.graph
    tensors = constants(graph)
    readers: dict[str, list[tuple[onnx.NodeProto, int]]] = {}
    for node in graph.node:
        for index, name in enumerate(node.input):
            readers.setdefault(name, []).append((node, index))
    outer = captured_names(graph) | {value.name for value in graph.output}
    found: dict[str, Weight] = {}
    position = {id(node): place for place, node in enumerate(graph.node)}
    for name, tensor in tensors.items():
        if len(tensor.dims) < 1 or name not in readers:
            continue
        uses = list(_follow(editable, tensors, readers, outer, MovedAxes.of(tuple(tensor.dims)), name, ()))
        layers = [use for use in uses if use is not None]
        if layers:
            layers.sort(key=lambda use: position[id(use.node)])
            found[name] = Weight(name, tuple(tensor.dims), tuple(layers), uses.count(None))
    return dict(sorted(found.items(), key=lambda item: position[id(item[1].readers[0].node)]))


def _follow(
    editable: EditableGraph,
    tensors: Mapping[str, TensorProto],
    readers: Mapping[str, list[tuple[onnx.NodeProto, int]]],
    outer: set[str],
    axes: MovedAxes | None,
    name: str,
    chain: tuple[onnx.NodeProto, ...],
) -> Iterator[WeightReader | None]:
    """Give the readers of a value, None for those without output channels."""
    if name in outer:
        yield None
    for node, index in readers.get(name, ()):
        if is_standard(node, *_SHAPE_ONLY):
            continue
        if index == 0 and is_standard(node, *_MOVES, *_CONVERTS):
            moved = axes.through(node, _constant_inputs(editable, tensors, node)) if axes else None
            yield from _follow(editable, tensors, readers, outer, moved, node.output[0], (*chain, node))
            continue
        view = None if axes is None else output_channels(node, index, axes.shape)
        if view is None or axes is None:
            yield None
        else:
            yield WeightReader(node, index, chain, axes.stored(view))


def _constant_inputs(
    editable: EditableGraph, tensors: Mapping[str, TensorProto], node: onnx.NodeProto
) -> list[np.ndarray | None]:
    """Return the values of the inputs behind the first, None for those that are computed."""
    names = node.input[1:] if is_standard(node, "Reshape", "Squeeze", "Unsqueeze") else ()
    return [editable.array(tensors[name]) if name in tensors else None for name in names]
