"""Keep what leaves a quantised graph in float32: outputs are read by people and programs, not by 8-bit kernels."""

from collections.abc import Collection, MutableSequence

import onnx

from compsel.models.editable_graph import FreshNames
from compsel.models.graph_queries import is_standard

__all__ = ["keep_leaving_values"]


def keep_leaving_values(graph: onnx.GraphProto, inner: Collection[str], quantised: Collection[str]) -> None:
    """Take the rounding off what leaves a graph, in place; QuantizeLinear nodes that nobody reads any more stay.

    One scale for a whole output would ruin the small ones of its channels. Values that leave the graph and that further
    layers read too are given out as they are, and rounded for the layers.

    Args:
        graph: with pairs of QuantizeLinear and DequantizeLinear, as ONNX Runtime's quantiser puts them.
        inner: names, before that, of the values that quantised layers read, directly or through others.
        quantised: names of the nodes that are quantised.
    """
    names = FreshNames(graph)
    outputs = {value.name for value in graph.output}
    makers = {name: node for node in graph.node for name in node.output}
    for pair in [node for node in graph.node if is_standard(node, "DequantizeLinear")]:
        quantise = makers.get(pair.input[0])
        maker = makers.get(quantise.input[0]) if quantise is not None else None
        if quantise is None or maker is None or not is_standard(quantise, "QuantizeLinear"):
            continue
        raw, value = quantise.input[0], pair.output[0]
        if value in outputs:
            rounded = names(f"{value}.rounded")
            pair.output[0], quantise.input[0] = rounded, value
            _rename(maker.output, raw, value)
            for node in graph.node:
                if node.name in quantised:
                    _rename(node.input, value, rounded)
        elif raw not in inner:
            for node in graph.node:
                _rename(node.input, value, raw)


def _rename(names: MutableSequence[str], old: str, new: str) -> None:
    for index, name in enumerate(names):
        if name == old:
            names[index] = new
