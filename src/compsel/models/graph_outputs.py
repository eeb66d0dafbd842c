"""Outputs in unusual places: listed twice, an input passed on, a weight; in a form that every rewriter understands."""

import onnx
from onnx import helper

from compsel.models.editable_graph import FreshNames
from compsel.models.graph_queries import subgraphs
from compsel.models.rewiring import read_instead

__all__ = ["drop_repeated_outputs", "make_outputs_by_nodes", "restore_repeated_outputs"]


def drop_repeated_outputs(graph: onnx.GraphProto) -> None:
    """Remove outputs that are listed a second time, and those that are inputs, in place; one output stays."""
    seen = {value.name for value in graph.input}
    kept = []
    for value in graph.output:
        if value.name not in seen:
            kept.append(value)
        seen.add(value.name)
    if 0 < len(kept) < len(graph.output):
        kept = list(onnx.GraphProto(output=kept).output)
        del graph.output[:]
        graph.output.extend(kept)


def restore_repeated_outputs(graph: onnx.GraphProto, original: onnx.GraphProto) -> None:
    """List the outputs again that `drop_repeated_outputs` removed from a graph, in their places.

    Args:
        graph: what was made of the graph without them; in place.
        original: the graph with them.
    """
    made = {value.name: value for value in graph.output}
    plain = onnx.GraphProto(input=original.input, output=original.output)
    drop_repeated_outputs(plain)
    if len(plain.output) == len(original.output) or [v.name for v in plain.output] != [v.name for v in graph.output]:
        return
    listed = onnx.GraphProto(output=[made.get(value.name, value) for value in original.output])
    del graph.output[:]
    graph.output.extend(listed.output)


def make_outputs_by_nodes(graph: onnx.GraphProto) -> None:
    """Let a node give each output that is a constant, or a value from outside a sub-graph, at every depth, in place.

    Rewriters that change the type of a value, or of a constant, do so at the nodes.
    """
    names = FreshNames(graph)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for value in graph.output:
        if value.name in constants:
            constant = names(f"{value.name}.constant")
            constants[value.name].name = constant
            read_instead(graph, value.name, constant)
            graph.node.append(helper.make_node("Identity", [constant], [value.name], names(f"{value.name}.output")))
    for node in graph.node:
        for inner in subgraphs(node):
            _make_inner_outputs(inner, names)


def _make_inner_outputs(graph: onnx.GraphProto, names: FreshNames) -> None:
    own = {value.name for value in graph.input} | {name for node in graph.node for name in node.output}
    for value in graph.output:
        if value.name not in own:  # outputs of sub-graphs have places, their names are their own
            given = names(f"{value.name}.output")
            graph.node.append(helper.make_node("Identity", [value.name], [given], given))
            value.name = given
    for node in graph.node:
        for inner in subgraphs(node):
            _make_inner_outputs(inner, names)
