"""Run a graph again and again with other weights in a few layers: only what comes after those layers is run again."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from compsel.device.cgroup import usable_cores
from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_queries import attribute, captured_names, constants, is_standard
from compsel.models.graph_session import open_session, release_memory
from compsel.models.shapes import infer_types

__all__ = ["PartialExecutor"]

_MOST_PIECES = 8

Values = Mapping[str, np.ndarray]


@dataclass
class _Piece:
    """A run of nodes between two values that all nodes after them depend on.

    Attributes:
        nodes: the nodes, in order.
        entry: value that it reads; "" for the first piece, which reads the inputs of the graph.
        result: value that it makes.
    """

    nodes: list[onnx.NodeProto]
    entry: str
    result: str


class PartialExecutor:
    """A graph on some samples, of which weights can be altered from run to run.

    The graph is cut into pieces where one value carries everything. What enters each piece is kept for each sample, so
    that a run begins at the first piece with an altered weight. Weights and biases of layers are inputs of the pieces:
    no session is opened anew. Only those of the piece that runs are in memory. Runs on all cores.

    Args:
        editable: the graph, in order; it stays as it is.
        feeds: of the samples; gone through once.

    >>> from compsel.networks import build
    >>> from compsel.techniques.preparation.batch_norm_folding import fold
    >>> from compsel.techniques.preparation.biases import give_biases
    >>> from compsel.models.editing import edit_graph
    >>> editable = give_biases(fold(edit_graph(build("mobilenet-v1", width=0.25, resolution=32))))
    >>> prober = PartialExecutor(editable, [{"input": np.ones((1, 3, 32, 32), np.float32)}])
    >>> (before,) = prober.outputs({})
    >>> (after,) = prober.outputs({editable.graph.node[-1].input[2]: np.ones(1000, np.float32)})
    >>> bool((after == before).any())
    False
    """

    def __init__(self, editable: EditableGraph, feeds: Iterable[Values]) -> None:
        release_memory()
        weights = constants(editable.graph)
        self._draft = editable
        self._weights = {name: weights[name] for name in _alterable(editable, weights)}
        self._pieces = _cut(editable, self._weights)
        self._sessions = [open_session(self._graph(piece), threads=usable_cores()) for piece in self._pieces]
        self._fed = [{value.name for value in session.get_inputs()} for session in self._sessions]
        self._entries: list[list[Values]] = [[dict(feed) for feed in feeds]]
        for index in range(len(self._pieces) - 1):
            self._entries.append(self._run(index, self._entries[index], {}))

    def outputs(self, altered: Values) -> list[np.ndarray]:
        """Return the graph's first output for each sample.

        Args:
            altered: other values of weights and biases of layers, by name.
        """
        first = next((index for index, fed in enumerate(self._fed) if fed & altered.keys()), len(self._fed) - 1)
        values = self._entries[first]
        for index in range(first, len(self._pieces)):
            values = self._run(index, values, altered)
        return [value[self._pieces[-1].result] for value in values]

    def _run(self, index: int, entering: Iterable[Values], altered: Values) -> list[Values]:
        result, session = self._pieces[index].result, self._sessions[index]
        weights = {
            name: altered[name] if name in altered else self._draft.array(self._weights[name])
            for name in self._fed[index] & self._weights.keys()
        }
        others = self._fed[index] - weights.keys()
        return [
            {result: session.run([result], {**weights, **{name: values[name] for name in others}})[0]}
            for values in entering
        ]

    def _graph(self, piece: _Piece) -> EditableGraph:
        editable = self._draft
        proto = onnx.ModelProto(ir_version=editable.proto.ir_version, opset_import=editable.proto.opset_import)
        proto.functions.extend(editable.proto.functions)
        graph = proto.graph
        graph.name = "piece"
        graph.node.extend(piece.nodes)
        # what sub-graphs read is in no list of inputs
        read = {name for node in piece.nodes for name in node.input} | captured_names(graph)
        graph.initializer.extend(
            t for t in editable.graph.initializer if t.name in read and t.name not in self._weights
        )
        if piece.entry:
            graph.input.append(onnx.helper.make_tensor_value_info(piece.entry, onnx.TensorProto.FLOAT, None))
        else:
            graph.input.extend(editable.graph.input)
        for name in sorted(read & self._weights.keys()):
            shape = self._weights[name].dims
            graph.input.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
        graph.output.append(onnx.ValueInfoProto(name=piece.result))
        return EditableGraph(proto, editable.borrowed)


def _alterable(editable: EditableGraph, weights: Mapping[str, onnx.TensorProto]) -> Iterator[str]:
    """Give the weights and biases of dense layers and of convolutions, those of depthwise ones left out."""
    captured = captured_names(editable.graph)
    for node in editable.graph.node:
        if not is_standard(node, "Conv", "Gemm", "MatMul"):
            continue
        for name in node.input[1:3]:
            tensor = weights.get(name)
            depthwise = attribute(node, "group", 1) > 1 and tensor is not None and list(tensor.dims[1:2]) == [1]
            plain = tensor is not None and tensor.data_type == onnx.TensorProto.FLOAT and name not in captured
            if plain and not depthwise:
                yield name


def _cut(editable: EditableGraph, weights: Container[str]) -> list[_Piece]:
    """Cut a graph where only one value is needed later, into pieces with about as many weights each."""
    nodes, last = list(editable.graph.node), editable.graph.output[0].name
    places = [] if captured_names(editable.graph) else list(_cuts(editable, last))
    seen, total = 0, sum(name in weights for node in nodes for name in node.input)
    pieces: list[_Piece] = []
    begin, entry = 0, ""
    for index, node in enumerate(nodes):
        seen += sum(name in weights for name in node.input)
        if index in places and seen * _MOST_PIECES >= total * (len(pieces) + 1) and len(pieces) < _MOST_PIECES - 1:
            pieces.append(_Piece(nodes[begin : index + 1], entry, node.output[0]))
            begin, entry = index + 1, node.output[0]
    return [*pieces, _Piece(nodes[begin:], entry, last)]


def _cuts(editable: EditableGraph, last: str) -> Iterator[int]:
    """Give the places of nodes with one float output that is all that the nodes behind them need."""
    types = infer_types(editable)
    constant = constants(editable.graph)
    reads = {
        name: index for index, node in enumerate(editable.graph.node) for name in node.input if name not in constant
    }
    reads[last] = len(editable.graph.node)
    live = {value.name for value in editable.graph.input if value.name in reads}
    for index, node in enumerate(editable.graph.node):
        live |= {name for name in node.output if name in reads}
        live = {name for name in live if reads[name] > index}
        known = types.get(node.output[0])
        is_float = known is not None and known.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        if live == {node.output[0]} and node.output[0] != last and is_float:
            yield index
