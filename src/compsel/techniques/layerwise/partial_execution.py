"""Partial execution: run a graph with other weights in a few layers, again only from those layers on."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from compsel.device.cgroup import usable_cores
from compsel.isolation.freed_memory import return_freed_memory
from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_queries import attribute, captured_names, constants, is_standard
from compsel.models.graph_session import open_session
from compsel.models.layers import is_float
from compsel.models.shapes import float_values, infer_types

__all__ = ["PartialExecutor"]

_MOST_SEGMENTS = 8

Values = Mapping[str, np.ndarray]


@dataclass
class _Segment:
    """A run of nodes between two values that all nodes after them depend on.

    Attributes:
        nodes: the nodes, in order.
        entry: value that it reads; "" for the first segment, which reads the inputs of the graph.
        result: value that it produces.
    """

    nodes: list[onnx.NodeProto]
    entry: str
    result: str


class PartialExecutor:
    """A graph on some samples, whose weights can be replaced from run to run.

    The graph is cut into segments where all that follows depends on one value. What enters each segment is kept for
    each sample, so that a run begins at the first segment with a replaced weight. Weights and biases of layers are
    inputs of the segments: no session is opened anew. Only those of the segment that runs are in memory. Runs on all
    cores.

    Args:
        editable: the graph, in order; it stays as it is.
        feeds: of the samples; gone through once.

    >>> from compsel.networks import build
    >>> from compsel.techniques.preparation.batch_norm_folding import fold
    >>> from compsel.techniques.preparation.biases import give_biases
    >>> from compsel.models.editing import edit_graph
    >>> editable = give_biases(fold(edit_graph(build("mobilenet-v1", width=0.25, resolution=32))))
    >>> executor = PartialExecutor(editable, [{"input": np.ones((1, 3, 32, 32), np.float32)}])
    >>> (before,) = executor.outputs({})
    >>> (after,) = executor.outputs({editable.graph.node[-1].input[2]: np.ones(1000, np.float32)})
    >>> bool((after == before).any())
    False
    """

    def __init__(self, editable: EditableGraph, feeds: Iterable[Values]) -> None:
        return_freed_memory()
        weights = constants(editable.graph)
        self._editable = editable
        self._weights = {name: weights[name] for name in _replaceable(editable, weights)}
        self._segments = _cut(editable, self._weights)
        # in this process: gigabytes go in and out, and these are parts of a model that runs, with our own layers in it
        self._sessions = [
            open_session(self._graph(segment), threads=usable_cores(), isolated=False) for segment in self._segments
        ]
        self._fed = [{value.name for value in session.get_inputs()} for session in self._sessions]
        self._entry_values: list[list[Values]] = [[dict(feed) for feed in feeds]]
        for index in range(len(self._segments) - 1):
            self._entry_values.append(self._run(index, self._entry_values[index], {}))

    def outputs(self, replaced: Values) -> list[np.ndarray]:
        """Return the graph's first output for each sample.

        Args:
            replaced: other values of weights and biases of layers, by name.
        """
        first = next((index for index, fed in enumerate(self._fed) if fed & replaced.keys()), len(self._fed) - 1)
        values = self._entry_values[first]
        for index in range(first, len(self._segments)):
            values = self._run(index, values, replaced)
        return [value[self._segments[-1].result] for value in values]

    def _run(self, index: int, entering: Iterable[Values], replaced: Values) -> list[Values]:
        result, session = self._segments[index].result, self._sessions[index]
        weights = {
            name: replaced[name] if name in replaced else self._editable.array(self._weights[name])
            for name in self._fed[index] & self._weights.keys()
        }
        others = self._fed[index] - weights.keys()
        return [
            {result: session.run([result], {**weights, **{name: values[name] for name in others}})[0]}
            for values in entering
        ]

    def _graph(self, segment: _Segment) -> EditableGraph:
        editable = self._editable
        proto = onnx.ModelProto(ir_version=editable.proto.ir_version, opset_import=editable.proto.opset_import)
        proto.functions.extend(editable.proto.functions)
        graph = proto.graph
        graph.name = "segment"
        graph.node.extend(segment.nodes)
        # what sub-graphs read is in no list of inputs
        read = {name for node in segment.nodes for name in node.input} | captured_names(graph)
        graph.initializer.extend(
            t for t in editable.graph.initializer if t.name in read and t.name not in self._weights
        )
        if segment.entry:
            graph.input.append(onnx.helper.make_tensor_value_info(segment.entry, onnx.TensorProto.FLOAT, None))
        else:
            graph.input.extend(editable.graph.input)
        for name in sorted(read & self._weights.keys()):
            shape = self._weights[name].dims
            graph.input.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
        graph.output.append(onnx.ValueInfoProto(name=segment.result))
        return EditableGraph(proto, editable.borrowed)


def _replaceable(editable: EditableGraph, weights: Mapping[str, onnx.TensorProto]) -> Iterator[str]:
    """Give the weights and biases of dense layers and of convolutions, those of depthwise ones left out."""
    captured = captured_names(editable.graph)
    for node in editable.graph.node:
        if not is_standard(node, "Conv", "Gemm", "MatMul"):
            continue
        for name in node.input[1:3]:
            tensor = weights.get(name)
            depthwise = attribute(node, "group", 1) > 1 and tensor is not None and list(tensor.dims[1:2]) == [1]
            if is_float(tensor) and name not in captured and not depthwise:
                yield name


def _cut(editable: EditableGraph, weights: Container[str]) -> list[_Segment]:
    """Cut a graph where only one value is needed later, into segments with about as many weights each."""
    nodes, last = list(editable.graph.node), editable.graph.output[0].name
    places = [] if captured_names(editable.graph) else list(_cut_points(editable, last))
    seen, total = 0, sum(name in weights for node in nodes for name in node.input)
    segments: list[_Segment] = []
    begin, entry = 0, ""
    for index, node in enumerate(nodes):
        seen += sum(name in weights for name in node.input)
        share_reached = seen * _MOST_SEGMENTS >= total * (len(segments) + 1)
        if index in places and share_reached and len(segments) < _MOST_SEGMENTS - 1:
            segments.append(_Segment(nodes[begin : index + 1], entry, node.output[0]))
            begin, entry = index + 1, node.output[0]
    return [*segments, _Segment(nodes[begin:], entry, last)]


def _cut_points(editable: EditableGraph, last: str) -> Iterator[int]:
    """Give the places of nodes with one float output that is all that the nodes behind them need."""
    floats = float_values(infer_types(editable))
    constant = constants(editable.graph)
    reads = {
        name: index for index, node in enumerate(editable.graph.node) for name in node.input if name not in constant
    }
    reads[last] = len(editable.graph.node)
    needed = {value.name for value in editable.graph.input if value.name in reads}
    for index, node in enumerate(editable.graph.node):
        needed |= {name for name in node.output if name in reads}
        needed = {name for name in needed if reads[name] > index}
        if needed == {node.output[0]} and node.output[0] != last and node.output[0] in floats:
            yield index
