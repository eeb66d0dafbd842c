"""Functions that a model brings along: put in the place of their calls, so that what they are made of is seen."""

from collections import Counter
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

import onnx
from onnx import inliner

from compsel.errors import ModelError

__all__ = ["inline_functions"]

_MOST_NODES = 200_000


def inline_functions(proto: onnx.ModelProto) -> None:
    """Put the nodes of a model's own functions in the place of their calls, in place; the weights are not copied.

    Functions of another operator set than the model's stay as they are.

    Raises:
        ModelError: functions that call each other in a circle, or would become more than 200,000 nodes.

    >>> sets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("f", 1)]
    >>> add = onnx.helper.make_node("Add", ["a", "a"], ["b"])
    >>> function = onnx.helper.make_function("f", "Twice", ["a"], ["b"], [add], sets[:1])
    >>> node = onnx.helper.make_node("Twice", ["x"], ["y"], domain="f")
    >>> graph = onnx.GraphProto(name="g", node=[node])
    >>> proto = onnx.ModelProto(ir_version=8, opset_import=sets, functions=[function], graph=graph)
    >>> inline_functions(proto)
    >>> [node.op_type for node in proto.graph.node], len(proto.functions)
    (['Add'], 0)
    """
    if not proto.functions:
        return
    _check_size(proto)
    light = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import, functions=proto.functions)
    graph = light.graph
    graph.name = proto.graph.name
    for field in ("node", "input", "output", "value_info"):
        getattr(graph, field).extend(getattr(proto.graph, field))
    for tensor in proto.graph.initializer:  # the names that are taken
        graph.initializer.add(name=tensor.name, data_type=tensor.data_type, dims=[0])
    try:
        inlined = inliner.inline_local_functions(light)
    except (RuntimeError, onnx.checker.ValidationError):
        return  # the runtime, which has its own, says what is wrong
    for field in ("node", "value_info"):
        del getattr(proto.graph, field)[:]
        getattr(proto.graph, field).extend(getattr(inlined.graph, field))
    for field in ("functions", "opset_import"):
        kept = list(getattr(inlined, field))
        del getattr(proto, field)[:]
        getattr(proto, field).extend(kept)


def _check_size(proto: onnx.ModelProto) -> None:
    """Raise ModelError where functions that call functions would become too many nodes."""
    nodes = {(one.domain, one.name): list(_all_nodes(one.node)) for one in proto.functions}
    calls = {
        name: Counter(called for node in inside if (called := (node.domain, node.op_type)) in nodes)
        for name, inside in nodes.items()
    }
    sizes: dict[tuple[str, str], int] = {}
    try:
        for name in TopologicalSorter(calls).static_order():
            sizes[name] = len(nodes[name]) + sum(count * sizes[called] for called, count in calls[name].items())
    except CycleError as error:
        raise ModelError("its functions call each other in a circle: the model is damaged") from error
    size = sum(sizes.get((node.domain, node.op_type), 1) for node in _all_nodes(proto.graph.node))
    if size > _MOST_NODES:
        raise ModelError(f"its functions would become {str(size)[:40]} nodes, allowed are {_MOST_NODES:,}")


def _all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Give nodes, and those of the graphs in them."""
    pending = list(nodes)
    while pending:
        node = pending.pop()
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                pending.extend(graph.node)
