"""Names that another library's rewriter cannot confuse with those that it makes."""

import re
from collections.abc import Iterator

import onnx

from compsel.models.editable_graph import FreshNames
from compsel.models.graph_queries import subgraphs

__all__ = ["NeutralNames"]

_NEUTRAL = re.compile(r"(~\d+~)(.*)", re.DOTALL)


class NeutralNames:
    """Gives the values and weights of a graph plain names, in place, and later their own again.

    Rewriters name what they add after what is there (ONNX Runtime's quantiser: "x_scale" for "x", "bias1" for a second
    "bias"), and some do not look whether the name is taken. While a graph has neutral names, none of these is; what
    was added is named after the value's own name, with underscores behind it where that is taken. Names inside
    sub-graphs stay, but for values that they read from outside.

    Args:
        graph: as it is.

    >>> graph = onnx.GraphProto(node=[onnx.helper.make_node("Relu", ["x"], ["x_scale"])])
    >>> names = NeutralNames(graph)
    >>> graph.node.extend([onnx.helper.make_node("Abs", [names["x_scale"]], ["~0~_scale"])])
    >>> names.restore(graph)
    >>> [node.output[0] for node in graph.node]
    ['x_scale', 'x_scale_scale']
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        values = dict.fromkeys(name for name in _own_names(graph) if name)
        self._neutral = {name: f"~{index}~" for index, name in enumerate(values)}
        self._own = {neutral: name for name, neutral in self._neutral.items()}
        self._fresh = FreshNames(graph)
        _rename(graph, self._neutral)

    def __getitem__(self, name: str) -> str:
        """Return the neutral name of a value."""
        return self._neutral[name]

    def __contains__(self, name: str) -> bool:
        return name in self._neutral

    def restore(self, graph: onnx.GraphProto) -> None:
        """Give the values of a graph their own names again, and those that were added ones that are free, in place."""
        names, added = dict(self._own), set(_own_names(graph))
        for name in dict.fromkeys(_all_names(graph)):
            neutral = _NEUTRAL.fullmatch(name)
            if name in names:
                continue
            if neutral is not None:
                names[name] = self._fresh(self._own.get(neutral[1], neutral[1]) + neutral[2])
            elif name in self._fresh and name in added:
                names[name] = self._fresh(name)
        _rename(graph, names)


def _own_names(graph: onnx.GraphProto) -> Iterator[str]:
    """Give the names of the values of a graph, not of its sub-graphs."""
    for values in (graph.input, graph.initializer):
        yield from (value.name for value in values)
    yield from (tensor.values.name for tensor in graph.sparse_initializer)
    for node in graph.node:
        yield from node.output
    yield from (value.name for value in graph.output)


def _all_names(graph: onnx.GraphProto) -> Iterator[str]:
    yield from _own_names(graph)
    for node in graph.node:
        for inner in subgraphs(node):
            yield from _all_names(inner)


def _rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    """Rename values wherever they stand, in sub-graphs too."""
    for values in (graph.input, graph.output, graph.value_info, graph.initializer):
        for value in values:
            value.name = names.get(value.name, value.name)
    for tensor in graph.sparse_initializer:
        tensor.values.name = names.get(tensor.values.name, tensor.values.name)
    for note in graph.quantization_annotation:
        note.tensor_name = names.get(note.tensor_name, note.tensor_name)
    for node in graph.node:
        for entries in (node.input, node.output):
            for index, name in enumerate(entries):
                if name in names:
                    entries[index] = names[name]
        for inner in subgraphs(node):
            _rename(inner, names)
