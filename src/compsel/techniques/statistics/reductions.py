"""Reductions of values inside a graph, computed by the graph itself, so that no large tensor leaves it."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import onnx

from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_session import open_session

__all__ = ["Reductions"]

_PREFIX = "compsel.reduction"


class Reductions:
    """A copy of a graph with further operators that reduce some of its values.

    Args:
        editable: the graph; it stays as it is.

    >>> from compsel.networks import build
    >>> from compsel.models.editing import edit_graph
    >>> reductions = Reductions(edit_graph(build("mobilenet-v1", width=0.25, resolution=32)))
    >>> reductions.add("ReduceMax", "input", keepdims=0)
    >>> [float(largest) for (largest,) in reductions.run([{"input": np.ones((1, 3, 32, 32), np.float32)}])]
    [1.0]
    """

    def __init__(self, editable: EditableGraph) -> None:
        self._editable = editable.copy()
        self._names: list[str] = []

    def add(self, op_type: str, value: str, **attributes: int) -> None:
        """Put an operator behind a value; its result is the next in what `run` gives."""
        name = f"{_PREFIX}.{len(self._names)}"
        graph = self._editable.graph
        graph.node.append(onnx.helper.make_node(op_type, [value], [name], name, **attributes))
        graph.output.append(onnx.ValueInfoProto(name=name))
        self._names.append(name)

    def run(self, feeds: Iterable[Mapping[str, np.ndarray]]) -> Iterator[list[np.ndarray]]:
        """Give the results for each sample; nothing where there are no operators.

        Raises:
            ModelError: the graph does not load.
        """
        if self._names:
            session = open_session(self._editable)
            yield from (session.run(self._names, dict(feed)) for feed in feeds)
