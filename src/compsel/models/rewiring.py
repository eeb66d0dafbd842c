"""Let what reads one value of a graph read another, at every depth."""

import onnx

from compsel.models.graph_queries import subgraphs

__all__ = ["read_instead"]


def read_instead(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Let the nodes of a graph that read a value read another one, in place.

    Nodes of sub-graphs too, where the name is not one of their own.

    >>> node = onnx.helper.make_node("Relu", ["x"], ["y"])
    >>> graph = onnx.GraphProto(node=[node])
    >>> read_instead(graph, "x", "z")
    >>> list(graph.node[0].input)
    ['z']
    """
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == old:
                node.input[index] = new
        for inner in subgraphs(node):
            own = (*inner.input, *inner.initializer)
            if all(value.name != old for value in own) and all(old not in child.output for child in inner.node):
                read_instead(inner, old, new)
