"""Control flow that stays in float32: the converter rewrites the nodes of sub-graphs only where they are plain."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST

from compsel.models.editable_graph import FreshNames
from compsel.models.graph_queries import is_standard, node_inputs, subgraphs
from compsel.models.layers import is_float
from compsel.models.rewiring import read_instead

__all__ = ["keep_control_flow"]

_LARGEST = float(np.finfo(np.float16).max)


def keep_control_flow(
    graph: onnx.GraphProto, floats: Collection[str], takes_half: Callable[[onnx.NodeProto], bool]
) -> list[str]:
    """Find the nodes (If, Loop, Scan) whose sub-graphs cannot be converted, and let these read float32, in place.

    The converter puts the casts of all depths into the main graph, and does not take weights of the same name in two
    sub-graphs. What the sub-graphs that stay take from outside is handed to them by nodes that stay too.

    Args:
        graph: every node named.
        floats: names of its float32 values and weights.
        takes_half: whether an operator can do with float16 in the place of each float32.

    Returns:
        the names of all nodes that must stay in float32.
    """
    weights = Counter(tensor.name for tensor in graph.initializer if is_float(tensor))
    weights.update(tensor.name for node in graph.node for inner in _all_graphs(node) for tensor in inner.initializer)
    names, kept = FreshNames(graph), []
    added = []
    for node in graph.node:
        if all(_is_plain(inner, weights, takes_half) for inner in _all_graphs(node)):
            continue
        kept.append(node.name)
        for outer in sorted((node_inputs(node) - set(node.input)) & set(floats)):
            given = names(f"{outer}.float32")
            added.append(helper.make_node("Identity", [outer], [given], given))
            for inner in subgraphs(node):
                read_instead(inner, outer, given)
    graph.node.extend(added)
    return [*kept, *(node.name for node in added)]


def _is_plain(graph: onnx.GraphProto, weights: Counter[str], takes_half: Callable[[onnx.NodeProto], bool]) -> bool:
    for tensor in graph.initializer:
        if is_float(tensor):
            values = numpy_helper.to_array(tensor)
            if weights[tensor.name] > 1 or (values.size and not np.abs(values).max() <= _LARGEST):
                return False
    return not any(
        is_standard(node, "Resize", *DEFAULT_OP_BLOCK_LIST) or not takes_half(node)
        for node in graph.node
        if not is_standard(node, "Cast", "Constant")
    )


def _all_graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Give the sub-graphs of a node and those within them."""
    for inner in subgraphs(node):
        yield inner
        for child in inner.node:
            yield from _all_graphs(child)
