"""Merge zero paddings into the convolutions behind them."""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from compsel.models.editable_graph import EditableGraph, replace_nodes
from compsel.models.editing import remove_unused, set_attribute
from compsel.models.graph_queries import attribute, constants, is_standard, uses

__all__ = ["merge_pads", "zero_pads"]

_SPATIAL_FROM = 2  # axes 0 and 1 of a convolution's input are batch and channel


def zero_pads(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto]) -> np.ndarray | None:
    """Return the pads of a Pad node with constant zeros around all axes, None for any other."""
    if attribute(node, "mode", b"constant") != b"constant" or (len(node.input) > 3 and node.input[3]):
        return None
    if len(node.input) < 2:  # before operator set 11
        pads = attribute(node, "pads", attribute(node, "paddings"))
        return None if attribute(node, "value", 0.0) != 0.0 or pads is None else np.array(pads, np.int64)
    if node.input[1] not in weights:
        return None
    if len(node.input) > 2 and node.input[2]:
        fill = weights.get(node.input[2])
        if fill is None or numpy_helper.to_array(fill).any():
            return None
    return np.asarray(numpy_helper.to_array(weights[node.input[1]]), np.int64)


def merge_pads(editable: EditableGraph) -> EditableGraph:
    """Merge a zero Pad into the convolutions that follow it, in place, where they all can take it."""
    graph = editable.graph
    weights, counter = constants(graph), uses(graph)
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    kept = []
    for node in graph.node:
        pads = zero_pads(node, weights) if is_standard(node, "Pad") else None
        if pads is None or not _can_take(readers.get(node.output[0], []), node.output[0], pads, counter):
            kept.append(node)
            continue
        spatial = np.concatenate([half[_SPATIAL_FROM:] for half in np.split(pads, 2)])
        for reader in readers[node.output[0]]:
            own = np.array(attribute(reader, "pads", [0] * len(spatial)), np.int64)
            set_attribute(reader, "pads", [int(pad) for pad in own + spatial])
            reader.input[0] = node.input[0]
    replace_nodes(graph, kept)
    remove_unused(graph)
    return editable


def _can_take(readers: list[onnx.NodeProto], name: str, pads: np.ndarray, counter: Mapping[str, int]) -> bool:
    begin, end = np.split(pads, 2)
    outside_space = begin[:_SPATIAL_FROM].any() or end[:_SPATIAL_FROM].any()
    return (
        bool(readers)
        and counter[name] == len(readers)
        and not outside_space
        and pads.min() >= 0
        and all(
            is_standard(reader, "Conv")
            and reader.input[0] == name
            and attribute(reader, "auto_pad", b"NOTSET") == b"NOTSET"
            for reader in readers
        )
    )
