"""Prepare a graph for compression: fold batch norms, merge paddings, drop what does nothing at inference.

The result computes the same function (up to rounding) with standard operators only, so it runs on every processor;
runtimes do these steps too, but after loading, when scales of a quantised graph are already fixed.
"""

import numpy as np
import onnx
from onnx import numpy_helper

from compsel.models.editable_graph import EditableGraph, replace_nodes
from compsel.models.editing import remove_unused, set_attribute
from compsel.models.graph_queries import attribute, captured_names, constants, is_standard, uses

__all__ = ["fold", "merge_pads"]

_SPATIAL_FROM = 2  # axes 0 and 1 of a convolution's input are batch and channel


def fold(editable: EditableGraph) -> EditableGraph:
    """Simplify a graph in place (as `compsel.models.editing.edit_graph` returns it) and return it.

    Identity and Dropout go; a zero Pad is merged into the convolutions that follow it; a batch norm is folded into
    the convolution or dense layer before it (Jacob et al. 2018, "Quantization and Training of Neural Networks for
    Efficient Integer-Arithmetic-Only Inference", section 3.2); weights that nobody uses go.
    """
    _drop_no_ops(editable.graph)
    merge_pads(editable)
    _fold_batch_norms(editable)
    remove_unused(editable.graph)
    return editable


def _drop_no_ops(graph: onnx.GraphProto) -> None:
    weights = constants(graph)
    fixed = {value.name for value in graph.output} | captured_names(graph)
    renamed: dict[str, str] = {}
    kept = []
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name in renamed:
                node.input[index] = renamed[name]
        if _does_nothing(node, weights) and node.output[0] not in fixed:
            renamed[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    replace_nodes(graph, kept)


def _does_nothing(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> bool:
    if is_standard(node, "Identity"):
        return True
    if is_standard(node, "Dropout"):
        mask_unused = len(node.output) < 2 or not node.output[1]
        training = node.input[2] if len(node.input) > 2 else ""
        off = not training or (training in weights and not numpy_helper.to_array(weights[training]).any())
        return mask_unused and off
    if is_standard(node, "Pad"):
        pads = _pads(node, weights)
        return pads is not None and not pads.any()
    return False


def _pads(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> np.ndarray | None:
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
        pads = _pads(node, weights) if is_standard(node, "Pad") else None
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


def _can_take(readers: list[onnx.NodeProto], name: str, pads: np.ndarray, counter: dict[str, int]) -> bool:
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


def _fold_batch_norms(editable: EditableGraph) -> None:
    graph = editable.graph
    weights, counter = constants(graph), uses(graph)
    producers = {name: node for node in graph.node for name in node.output}
    removed = set()
    for norm in graph.node:
        layer = producers.get(norm.input[0]) if is_standard(norm, "BatchNormalization") else None
        if layer is None or counter[norm.input[0]] != 1 or not _is_inference(norm):
            continue
        parameters = [weights.get(name) for name in norm.input[1:5]]
        axis = _output_axis(layer, weights)
        if axis is None or any(tensor is None for tensor in parameters):
            continue
        factor, shift = _affine([editable.array(tensor) for tensor in parameters if tensor], norm)
        _scale_layer(editable, layer, axis, factor, shift, weights, counter)
        producers[norm.output[0]] = layer
        layer.output[0] = norm.output[0]
        removed.add(norm.name)
    if removed:
        replace_nodes(graph, [node for node in graph.node if node.name not in removed])


def _is_inference(norm: onnx.NodeProto) -> bool:
    return len([name for name in norm.output if name]) == 1 and not attribute(norm, "training_mode", 0)


def _output_axis(layer: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> int | None:
    """Return the axis of the weight that runs over output channels; None when nothing can be folded into the layer."""
    if len(layer.input) < 2 or layer.input[1] not in weights:
        return None
    if len(layer.input) > 2 and layer.input[2] and layer.input[2] not in weights:
        return None
    if is_standard(layer, "Conv"):
        return 0
    if is_standard(layer, "ConvTranspose") and attribute(layer, "group", 1) == 1:
        return 1
    if is_standard(layer, "Gemm") and attribute(layer, "alpha", 1.0) == 1.0 and attribute(layer, "beta", 1.0) == 1.0:
        return 0 if attribute(layer, "transB", 0) else 1
    return None


def _affine(parameters: list[np.ndarray], norm: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray]:
    """Return factor and shift, float64 (channels,), with batch norm(x) = factor * x + shift."""
    scale, bias, mean, variance = (value.astype(np.float64) for value in parameters)
    epsilon = next((entry.f for entry in norm.attribute if entry.name == "epsilon"), 1e-5)
    factor = scale / np.sqrt(variance + epsilon)
    return factor, bias - mean * factor


def _scale_layer(
    editable: EditableGraph,
    layer: onnx.NodeProto,
    axis: int,
    factor: np.ndarray,
    shift: np.ndarray,
    weights: dict[str, onnx.TensorProto],
    counter: dict[str, int],
) -> None:
    weight = weights[layer.input[1]]
    values = editable.array(weight)
    shape = [1] * values.ndim
    shape[axis] = -1
    # not in place: another layer may share the weight
    layer.input[1] = _store(editable.graph, weights, counter, weight.name, values * factor.reshape(shape), values.dtype)
    has_bias = len(layer.input) > 2 and bool(layer.input[2])
    old = editable.array(weights[layer.input[2]]).astype(np.float64) if has_bias else np.zeros_like(shift)
    name = layer.input[2] if has_bias else f"{weight.name}.folded_bias"
    bias = _store(
        editable.graph, weights, counter, name, np.broadcast_to(old, shift.shape) * factor + shift, values.dtype
    )
    del layer.input[2:]
    layer.input.append(bias)


def _store(
    graph: onnx.GraphProto,
    weights: dict[str, onnx.TensorProto],
    counter: dict[str, int],
    name: str,
    values: np.ndarray,
    dtype: np.dtype,
) -> str:
    if counter.get(name, 0) > 1 or name not in weights:
        counter[name] = counter.get(name, 1) - 1
        fresh, number = (name, 0) if name not in weights else (f"{name}.folded", 0)
        while fresh in weights:
            number += 1
            fresh = f"{name}.folded{number}"
        weights[fresh] = graph.initializer.add()
        name = fresh
    weights[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values, dtype), name))
    return name
