"""Keep what leaves a quantised graph in float32: outputs are read by people and programs, not by 8-bit kernels."""

from collections.abc import Collection, MutableSequence

import onnx

from compsel.models.editable_graph import FreshNames
from compsel.models.graph_queries import is_standard, node_inputs

__all__ = ["keep_leaving_values"]


def keep_leaving_values(graph: onnx.GraphProto, outgoing: Collection[str]) -> None:
    """Take the rounding off what leaves a graph, in place; QuantizeLinear nodes that nobody reads any more stay.

    One scale for a whole output would ruin the small ones of its channels. Outputs that further layers read too are
    given out as they are, and rounded for the layers.

    Args:
        graph: with pairs of QuantizeLinear and DequantizeLinear, as ONNX Runtime's quantiser puts them.
        outgoing: names of the nodes on the way to the outputs.
    """
    names = FreshNames(graph)
    outputs = {value.name for value in graph.output}
    makers = {name: node for node in graph.node for name in node.output}
    inputs = {value.name for value in graph.input}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node_inputs(node):
            readers.setdefault(name, []).append(node)
    for pair in [node for node in graph.node if is_standard(node, "DequantizeLinear")]:
        quantise = makers.get(pair.input[0])
        if quantise is None or not is_standard(quantise, "QuantizeLinear"):
            continue
        raw, value = quantise.input[0], pair.output[0]
        reading = readers.get(value, [])
        if value in outputs and raw in makers:
            rounded = names(f"{value}.rounded")
            pair.output[0], quantise.input[0] = rounded, value
            _rename(makers[raw].output, raw, value)
            for node in reading:
                if node.name not in outgoing:
                    _rename(node.input, value, rounded)
        elif raw in inputs or all(node.name in outgoing and value in node.input for node in reading):
            for node in reading:
                if node.name in outgoing:
                    _rename(node.input, value, raw)


def _rename(names: MutableSequence[str], old: str, new: str) -> None:
    for index, name in enumerate(names):
        if name == old:
            names[index] = new
