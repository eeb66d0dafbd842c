"""Prepare a graph for compression: fold batch norms, merge paddings, drop what does nothing at inference.

The result computes the same function (up to rounding) with standard operators only, so it runs on every processor;
runtimes do these steps too, but after loading, when scales of a quantised graph are already fixed.
"""

from collections import Counter

import numpy as np
import onnx
from onnx import numpy_helper

from compsel.models.channel_axes import ChannelAxes
from compsel.models.editable_graph import EditableGraph, FreshNames, replace_nodes
from compsel.models.editing import remove_unused
from compsel.models.graph_queries import attribute, captured_names, constants, is_standard, uses
from compsel.models.layers import bias_name, has_unit_factors
from compsel.models.weights import output_channels
from compsel.techniques.preparation.biases import flatten_biases
from compsel.techniques.preparation.padding import merge_pads, zero_pads
from compsel.techniques.preparation.plain_weights import make_weights_plain

__all__ = ["fold"]

_LAYERS = ("Conv", "ConvTranspose", "Gemm")


def fold(editable: EditableGraph) -> EditableGraph:
    """Simplify a graph in place (as `compsel.models.editing.edit_graph` returns it) and return it.

    Identity and Dropout go; weights that are computed from constants become constants, and factors of Gemms go into
    theirs; constant biases get one axis; a zero Pad is merged into the convolutions that follow it; a
    batch norm is folded into the convolution or dense layer before it (Jacob et al. 2018, "Quantization and Training of
    Neural Networks for Efficient Integer-Arithmetic-Only Inference", section 3.2); weights that nobody uses go.
    """
    _drop_no_ops(editable.graph)
    make_weights_plain(editable)
    flatten_biases(editable)
    merge_pads(editable)
    _BatchNormFolder(editable).fold_all()
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
        pads = zero_pads(node, weights)
        return pads is not None and not pads.any()
    return False


class _BatchNormFolder:
    """Folds the batch norms of a graph into the layers before them, in place."""

    def __init__(self, editable: EditableGraph) -> None:
        self.editable, self.graph = editable, editable.graph
        self.weights: dict[str, onnx.TensorProto] = constants(self.graph)
        self.uses: Counter[str] = uses(self.graph)
        self.names = FreshNames(self.graph)

    def fold_all(self) -> None:
        producers = {name: node for node in self.graph.node for name in node.output}
        removed = set()
        for norm in self.graph.node:
            layer = producers.get(norm.input[0]) if is_standard(norm, "BatchNormalization") else None
            if layer is None or self.uses[norm.input[0]] != 1 or not _is_inference(norm):
                continue
            parameters = [self.weights.get(name) for name in norm.input[1:5]]
            layout = self._foldable_layout(layer)
            if layout is None or any(tensor is None for tensor in parameters):
                continue
            factor, shift = _affine([self.editable.array(tensor) for tensor in parameters if tensor], norm)
            self._scale(layer, layout, factor, shift)
            producers[norm.output[0]] = layer
            layer.output[0] = norm.output[0]
            removed.add(norm.name)
        replace_nodes(self.graph, [node for node in self.graph.node if node.name not in removed])

    def _foldable_layout(self, layer: onnx.NodeProto) -> ChannelAxes | None:
        """Return where the output channels of the weight are; None when nothing can be folded into the layer."""
        if not is_standard(layer, *_LAYERS) or layer.input[1] not in self.weights or not has_unit_factors(layer):
            return None
        layout = output_channels(layer, 1, tuple(self.weights[layer.input[1]].dims))
        bias = bias_name(layer)
        if layout is None or not bias:
            return layout
        return layout if bias in self.weights and list(self.weights[bias].dims) == [layout.count] else None

    def _scale(self, layer: onnx.NodeProto, layout: ChannelAxes, factor: np.ndarray, shift: np.ndarray) -> None:
        weight = self.weights[layer.input[1]]
        values = self.editable.array(weight)
        # not in place: another layer may share the weight
        layer.input[1] = self._store(weight.name, values * layout.factors(factor), values.dtype)
        bias = bias_name(layer)
        old = self.editable.array(self.weights[bias]).astype(np.float64) if bias else np.zeros_like(shift)
        shifted = np.broadcast_to(old, shift.shape) * factor + shift
        name = self._store(bias or f"{weight.name}.folded_bias", shifted, values.dtype)
        del layer.input[2:]
        layer.input.append(name)

    def _store(self, name: str, values: np.ndarray, dtype: np.dtype) -> str:
        """Write a weight that one layer alone reads; return its name."""
        if self.uses.get(name, 0) > 1 or name not in self.weights:
            self.uses[name] = self.uses.get(name, 1) - 1
            name = self.names(name if name not in self.weights else f"{name}.folded")
            self.weights[name] = self.graph.initializer.add()
        self.weights[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values, dtype), name))
        return name


def _is_inference(norm: onnx.NodeProto) -> bool:
    return len([name for name in norm.output if name]) == 1 and not attribute(norm, "training_mode", 0)


def _affine(parameters: list[np.ndarray], norm: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray]:
    """Return factor and shift, float64 (channels,), with batch norm(x) = factor * x + shift."""
    scale, bias, mean, variance = (value.astype(np.float64) for value in parameters)
    epsilon = next((entry.f for entry in norm.attribute if entry.name == "epsilon"), 1e-5)
    factor = scale / np.sqrt(variance + epsilon)
    return factor, bias - mean * factor
