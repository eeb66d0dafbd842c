"""Casts to float16 and back that the converter puts between nodes that stay in float32."""

import onnx
from onnx import TensorProto, helper

from compsel.models.editable_graph import replace_nodes
from compsel.models.graph_queries import attribute, uses
from compsel.models.rewiring import read_instead

__all__ = ["remove_needless_casts"]


def remove_needless_casts(graph: onnx.GraphProto, old_nodes: int) -> None:
    """Let what reads float32 that was cast to float16 and back read it as it was, in place.

    Between two nodes that stay in float32, or one and an output of the graph, the numbers would lose digits, and those
    beyond 65504 become infinite.

    Args:
        graph: as the converter left it.
        old_nodes: how many nodes it had before; those behind are the converter's casts.
    """
    added = [node for node in graph.node[old_nodes:] if node.op_type == "Cast"]
    exact = {node.output[0]: node.input[0] for node in added if attribute(node, "to") == TensorProto.FLOAT16}
    outputs = {value.name for value in graph.output}
    for node in added:
        if attribute(node, "to") != TensorProto.FLOAT or node.input[0] not in exact:
            continue
        source = exact[node.input[0]]
        if node.output[0] in outputs:
            node.CopyFrom(helper.make_node("Identity", [source], [node.output[0]], node.name))
        else:
            read_instead(graph, node.output[0], source)
    counts = uses(graph)
    unread = {node.output[0] for node in added if not counts[node.output[0]]}
    while unread:
        replace_nodes(graph, [node for node in graph.node if not unread.intersection(node.output)])
        counts = uses(graph)
        unread = {node.output[0] for node in graph.node if node.output[0] in exact and not counts[node.output[0]]}
