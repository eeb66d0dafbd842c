"""Questions about an ONNX graph: who reads which value, its constants, attributes of nodes, sub-graphs."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import onnx

__all__ = ["attribute", "captured_names", "constants", "is_standard", "node_inputs", "subgraphs", "uses"]


def uses(graph: onnx.GraphProto) -> Counter[str]:
    """Count how often each value is read: by nodes, by sub-graphs, as an output."""
    counter: Counter[str] = Counter()
    for node in graph.node:
        counter.update(name for name in node.input if name)
    counter.update(captured_names(graph))
    counter.update(value.name for value in graph.output)
    return counter


def captured_names(graph: onnx.GraphProto) -> set[str]:
    """Return the names that sub-graphs (If, Loop, Scan) read, their own included: these values must stay."""
    names: set[str] = set()
    pending = [inner for node in graph.node for inner in subgraphs(node)]
    while pending:
        inner = pending.pop()
        names.update(name for node in inner.node for name in node.input)
        names.update(value.name for value in inner.output)
        pending.extend(nested for node in inner.node for nested in subgraphs(node))
    return names


def node_inputs(node: onnx.NodeProto) -> set[str]:
    """Return the values that a node reads, those that its sub-graphs take from outside included."""
    names = set(node.input)
    for inner in subgraphs(node):
        own = {name for child in inner.node for name in child.output}
        own.update(value.name for values in (inner.input, inner.initializer) for value in values)
        own.update(tensor.values.name for tensor in inner.sparse_initializer)
        names |= {name for child in inner.node for name in node_inputs(child)} - own
        names |= {value.name for value in inner.output} - own
    return names


def constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """Return the initializers of a graph by name."""
    return {initializer.name: initializer for initializer in graph.initializer}


def is_standard(node: onnx.NodeProto, *op_types: str) -> bool:
    """Tell whether a node is one of these operators of the standard set."""
    return node.domain in ("", "ai.onnx") and node.op_type in op_types


def attribute(node: onnx.NodeProto, name: str, default: Any = None) -> Any:
    """Return the value of an attribute, or `default`."""
    for entry in node.attribute:
        if entry.name == name:
            return onnx.helper.get_attribute_value(entry)
    return default


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Give the sub-graphs of a node (If, Loop, Scan), not those within them."""
    for entry in node.attribute:
        if entry.type == onnx.AttributeProto.GRAPH:
            yield entry.g
        yield from entry.graphs
