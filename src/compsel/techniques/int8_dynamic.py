"""8-bit weights; activations are quantised while the model runs, with the range that each one has then."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import onnx
from onnx import helper

from compsel.errors import NotApplicableError
from compsel.inputs.feeds import first_feeds
from compsel.inputs.samples import Samples
from compsel.models.contrib_ops import CONTRIB_DOMAIN, is_fused
from compsel.models.editable_graph import EditableGraph, FreshNames, add_constant
from compsel.models.editing import edit_graph, remove_unused, sort_nodes
from compsel.models.graph_queries import attribute, constants, is_standard
from compsel.models.layers import along_axis, bias_name, is_float, is_plain
from compsel.models.model import Model
from compsel.models.opset_upgrade import with_opset
from compsel.models.shapes import float_values, infer_types
from compsel.models.weights import output_channels
from compsel.techniques.base import Technique
from compsel.techniques.preparation.batch_norm_folding import fold
from compsel.techniques.quantization.int8_tables import quantise_tables
from compsel.techniques.quantization.int8_weights import quantise_weight

__all__ = ["Int8Dynamic"]

_LAYERS = ("Conv", "MatMul", "Gemm")
_MINIMUM_OPSET = 13
_DENSE = helper.make_node("MatMul", ["x", "weight"], ["y"])
_ATTENTION_ATTRIBUTES = {"num_heads", "unidirectional", "mask_filter_value", "scale"}
_PART = 1 << 22  # numbers
_MIDDLE, _MOST = 128, 127
_MATRIX = 2


@dataclass(frozen=True)
class Int8Dynamic(Technique):
    """Needs no samples; made for recurrent networks and transformers, slow for convolutions.

    The weights of dense layers are signed, a scale for each output channel, in a range that no kernel overflows
    (`compsel.techniques.quantization.int8_weights`): with VNNI 1.4 to 1.6 times as fast as unsigned ones
    (all-MiniLM-L6-v2, 10 and 64 tokens). Those of convolutions are unsigned, too with a scale for each output channel:
    the runtime has no fast kernel for signed ones (3x slower still). Tables of embeddings have a scale a row: 59 to 24
    MB for that encoder.

    Attributes:
        per_channel: False: weights are unsigned, with one scale for all channels of a layer.

    >>> Int8Dynamic().spec
    'int8-dynamic'
    """

    name: ClassVar[str] = "int8-dynamic"
    most_relative_error: ClassVar[float | None] = 0.3

    per_channel: bool = True

    def check(self, model: Model) -> None:
        """Raise NotApplicableError without convolutions and dense layers, or with a quantised graph."""
        self._check_quantisable(model, _LAYERS)

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        editable = with_opset(fold(edit_graph(model)), _MINIMUM_OPSET, first_feeds(model, calibration))
        layers = _layers(editable)
        if not layers:
            raise NotApplicableError(f"int8-dynamic: {model.name!r} has no layer with float32 weights of a known value")
        writer = _Writer(editable, self.per_channel)
        for node in layers:
            writer.replace(node)
        for node in _attentions(editable):
            writer.replace_attention(node)
        editable.graph.node.extend([*writer.nodes, *quantise_tables(editable)])
        sort_nodes(editable.graph)
        remove_unused(editable.graph)
        return model.with_proto(editable.materialise())


def _layers(editable: EditableGraph) -> list[onnx.NodeProto]:
    """Return the layers with constant float32 weight and bias and a float32 input."""
    floats, weights = float_values(infer_types(editable)), constants(editable.graph)
    return [
        node
        for node in editable.graph.node
        if is_standard(node, *_LAYERS)
        and node.input[0] in floats
        and all(is_float(weights.get(name)) for name in node.input[1:] if name)
        and (node.op_type != "MatMul" or len(weights[node.input[1]].dims) == _MATRIX)
        and is_plain(node)
    ]


def _attentions(editable: EditableGraph) -> list[onnx.NodeProto]:
    """Return the fused attentions with constant weight and bias that have a form in 8 bits."""
    weights = constants(editable.graph)
    return [
        node
        for node in editable.graph.node
        if is_fused(node, "Attention")
        and all(is_float(weights.get(name)) for name in node.input[1:3])
        and not any(node.input[4:])
        and {entry.name for entry in node.attribute} <= _ATTENTION_ATTRIBUTES
    ]


def _quantise(values: np.ndarray, scale: np.ndarray, zero: np.ndarray) -> np.ndarray:
    """Return the codes of a weight, uint8, some rows at a time: the steps in between are copies of them."""
    codes = np.empty(values.shape, np.uint8)
    count = max(1, _PART * len(values) // max(1, values.size))
    for start in range(0, len(values), count):
        rows = slice(start, start + count)
        step = scale[rows] if len(scale) == len(values) else scale
        codes[rows] = np.clip(np.rint(values[rows] / step) + zero, 0, 255)
    return codes


_Coded = tuple[np.ndarray, np.ndarray, np.ndarray]


def _columns(values: np.ndarray) -> _Coded:
    """Return signed codes, and a scale and a zero point for each column, of the weight of a dense layer."""
    rounded = quantise_weight(values, _DENSE, "safe")
    assert rounded is not None
    return rounded.codes, rounded.scales, np.zeros(rounded.scales.shape, np.int8)


def _filters(values: np.ndarray, node: onnx.NodeProto) -> _Coded:
    """Return unsigned codes of the weight of a convolution, a scale for each output channel, the middle as zero."""
    layout = output_channels(node, 1, values.shape)
    assert layout is not None
    largest = np.abs(layout.rows(values)).max(axis=1, initial=0.0)
    scale = np.where(largest > 0, largest / _MOST, 1.0).astype(np.float32)
    zero = np.array([_MIDDLE], np.uint8)
    # in front of the spatial axes of the output
    return _quantise(values, layout.factors(scale), zero), along_axis(scale, values.ndim - 1, 0), zero


def _whole(values: np.ndarray) -> _Coded:
    """Return unsigned codes, one scale and one zero point for a weight."""
    low, high = min(values.min(), 0), max(values.max(), 0)
    scale = np.array([(high - low) / 255 if high > low else 1], np.float32)
    zero = np.rint(-low / scale).astype(np.uint8)
    return _quantise(values, scale, zero), scale, zero


class _Writer:
    """Writes, for a layer, the integer operators that ONNX Runtime fuses again.

    DynamicQuantizeLinear, then ConvInteger or MatMulInteger, Cast, and Mul by the product of both scales.
    """

    def __init__(self, editable: EditableGraph, per_channel: bool) -> None:
        self.editable, self.per_channel = editable, per_channel
        self.weights = constants(editable.graph)
        self.nodes: list[onnx.NodeProto] = []
        self._names = FreshNames(editable.graph)
        self._inputs: dict[str, tuple[str, str, str]] = {}
        self._quantised: dict[tuple[str, str], tuple[str, str, str]] = {}

    def replace(self, node: onnx.NodeProto) -> None:
        """Write the integer form of a layer; the layer itself loses its output, and so goes."""
        output, name = node.output[0], node.name
        x, x_scale, x_zero = self._input(node.input[0])
        transposed = is_standard(node, "Gemm") and bool(attribute(node, "transB", 0))
        w, w_scale, w_zero = self._weight(node, transposed)
        biased = bool(bias_name(node))
        kind = "ConvInteger" if is_standard(node, "Conv") else "MatMulInteger"
        whole = self._add(kind, [x, w, x_zero, w_zero], f"{name}.whole")
        if kind == "ConvInteger":
            self.nodes[-1].attribute.extend(node.attribute)
        real = self._add("Cast", [whole], f"{name}.real", to=onnx.TensorProto.FLOAT)
        scale = self._add("Mul", [x_scale, w_scale], f"{name}.scale")
        scaled = self._add("Mul", [real, scale], f"{name}.scaled" if biased else output, kept=not biased)
        if biased:
            self._add("Add", [scaled, self._bias(node)], output, kept=True)
        node.output[0] = self._names(f"{name}.replaced")

    def replace_attention(self, node: onnx.NodeProto) -> None:
        """Write the 8-bit form of a fused attention: its projections are quantised, the rest is not."""
        x, x_scale, x_zero = self._input(node.input[0])
        w, w_scale, w_zero = self._weight(node, transposed=False)
        inputs = [x, w, node.input[2], x_scale, w_scale, *(node.input[3:4] or [""]), x_zero, w_zero]
        name = self._names(f"{node.name}.QAttention")
        fused = helper.make_node("QAttention", inputs, [node.output[0]], name, domain=CONTRIB_DOMAIN)
        fused.attribute.extend(node.attribute)
        self.nodes.append(fused)
        node.output[0] = self._names(f"{node.name}.replaced")

    def _input(self, name: str) -> tuple[str, str, str]:
        if name not in self._inputs:
            parts = self._parts(name, "uint8")
            self._inputs[name] = parts
            node = helper.make_node("DynamicQuantizeLinear", [name], list(parts), self._names(f"{name}.quantise"))
            self.nodes.append(node)
        return self._inputs[name]

    def _parts(self, stem: str, codes: str) -> tuple[str, str, str]:
        return self._names(f"{stem}.{codes}"), self._names(f"{stem}.scale"), self._names(f"{stem}.zero_point")

    def _weight(self, node: onnx.NodeProto, transposed: bool) -> tuple[str, str, str]:
        name, convolution = node.input[1], is_standard(node, "Conv")
        key = (name, "filters" if convolution else "transposed" if transposed else "matrix")
        if key not in self._quantised:
            values = self.editable.array(self.weights[name])
            values = values.T if transposed else values
            if not self.per_channel:
                codes, scale, zero = _whole(values)
            else:
                codes, scale, zero = _filters(values, node) if convolution else _columns(values)
            stem = f"{name}.transposed" if transposed else name
            parts = self._parts(stem, codes.dtype.name)
            for part, content in zip(parts, (codes, scale, zero), strict=True):
                add_constant(self.editable.graph, part, content)
            self._quantised[key] = parts
        return self._quantised[key]

    def _bias(self, node: onnx.NodeProto) -> str:
        bias = self.editable.array(self.weights[node.input[2]])
        if is_standard(node, "Conv"):
            # one number for each channel, in front of the spatial axes
            bias = along_axis(bias, len(self.weights[node.input[1]].dims) - 1, 0)
        name = self._names(f"{node.name}.bias")
        add_constant(self.editable.graph, name, bias)
        return name

    def _add(self, op_type: str, inputs: list[str], output: str, *, kept: bool = False, **attributes: int) -> str:
        """Add a node; return the name of its output, which is a fresh one unless it is kept."""
        output = output if kept else self._names(output)
        name = self._names(f"{output}.{op_type}")
        self.nodes.append(helper.make_node(op_type, inputs, [output], name, **attributes))
        return output
