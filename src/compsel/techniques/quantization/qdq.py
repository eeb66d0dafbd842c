"""Insert QuantizeLinear and DequantizeLinear into a graph, with given ranges: ONNX Runtime's quantiser."""

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from compsel.errors import RewriterError
from compsel.inputs.image import image_preprocessing
from compsel.models.editing import remove_unused, sort_nodes
from compsel.models.graph_queries import captured_names, is_standard
from compsel.models.model import Model
from compsel.models.neutral_names import NeutralNames
from compsel.models.shapes import float_values
from compsel.techniques.quantization.calibration import Range
from compsel.techniques.quantization.leaving_values import keep_leaving_values
from compsel.techniques.quantization.placement import FLOAT_OUTPUT, QUANTISED_OPS, QuantisationPlan, place

__all__ = ["Activations", "Overrides", "QdqSettings", "Weights", "insert_qdq", "pixel_scale"]

Activations = Literal["uint8", "int8"]
Weights = Literal["int8", "uint8"]
Overrides = dict[str, list[dict[str, Any]]]

_EXCLUDED_OUTPUTS = "OpTypesToExcludeOutputQuantization"
_NO_RANGE = (-1.0, 1.0)
_REMOVABLE = ("Clip", "Relu")
_TYPES = {"uint8": QuantType.QUInt8, "int8": QuantType.QInt8}


@dataclass(frozen=True)
class QdqSettings:
    """How a graph is quantised.

    Attributes:
        per_channel: one scale for each output channel of a weight.
        activations, weights: types.
        reduce_range: weights in 7 bits.
        leaving: names of nodes that stay in float32.

    >>> QdqSettings(per_channel=True).activations
    'uint8'
    """

    per_channel: bool
    activations: Activations = "uint8"
    weights: Weights = "int8"
    reduce_range: bool = False
    leaving: frozenset[str] = frozenset()


# long: the arguments of the quantiser, one a line
def insert_qdq(
    proto: onnx.ModelProto,
    types: Mapping[str, onnx.ValueInfoProto],
    ranges: Mapping[str, Range],
    *,
    overrides: Overrides,
    settings: QdqSettings,
) -> None:
    """Quantise a graph in place.

    Args:
        proto: the graph, every node named, operator set 13 or newer.
        types: element type and shape of its values.
        ranges: low and high of the float values that `place` names.
        overrides: scales and zero points of values and weights that are fixed already.
        settings: types, and how weights are quantised that are not yet.

    Raises:
        RewriterError: a graph that the quantiser does not understand.
    """
    plan = _plan(proto.graph, types, ranges, settings.leaving)
    # the quantiser asks for the range of what leaves the layers, too, and its pair goes again
    all_ranges = {**dict.fromkeys(plan.leaving, _NO_RANGE), **ranges}
    outer = {value.name for value in (*proto.graph.input, *proto.graph.output)}
    del proto.graph.value_info[:]
    proto.graph.value_info.extend(types[name] for name in types if name not in outer)
    # marks types as inferred: the quantiser would write and read the whole model otherwise
    producer = proto.producer_name, proto.producer_version
    mark = proto.metadata_props.add(key="onnx.infer", value="onnxruntime.quant")
    kept = _kept_activations(proto.graph)
    names = NeutralNames(proto.graph)
    limits = {names[name]: (np.float32(low), np.float32(high)) for name, (low, high) in all_ranges.items()}
    fixed = {names[name]: override for name, override in overrides.items()}
    with _quiet():
        quantiser = QDQQuantizer(
            proto,
            per_channel=settings.per_channel,
            reduce_range=settings.reduce_range,
            weight_qType=_TYPES[settings.weights],
            activation_qType=_TYPES[settings.activations],
            tensors_range=TensorsData(CalibrationMethod.MinMax, limits),
            nodes_to_quantize=[node.name for node in plan.nodes],
            nodes_to_exclude=kept,
            op_types_to_quantize=list(QUANTISED_OPS),
            extra_options={"TensorQuantOverrides": fixed, _EXCLUDED_OUTPUTS: list(FLOAT_OUTPUT)},
        )
        try:
            quantiser.quantize_model()
        except (AssertionError, KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            raise RewriterError(f"ONNX Runtime's quantiser does not take this graph ({error!r:.200})") from error
    names.restore(proto.graph)
    proto.metadata_props.remove(mark)
    proto.producer_name, proto.producer_version = producer
    keep_leaving_values(proto.graph, plan.outgoing)
    sort_nodes(proto.graph)
    remove_unused(proto.graph)
    del proto.graph.value_info[:]


def _plan(
    graph: onnx.GraphProto,
    types: Mapping[str, onnx.ValueInfoProto],
    ranges: Mapping[str, Range],
    leaving: frozenset[str],
) -> QuantisationPlan:
    """Decide what is quantised: what would need a range that was not measured stays in float32."""
    floats = float_values(types)
    unbounded = set(place(graph, floats, leaving=leaving).values) - ranges.keys()
    return place(graph, floats, unbounded, leaving)


def _kept_activations(graph: onnx.GraphProto) -> list[str]:
    """Return the clamps that cannot be merged into the layer before them.

    The quantiser gives the layer the range of the clamp and lets the rounding saturate; other readers of
    the value before or after the clamp (an output, a sub-graph) would see it cut, or not clamped.
    """
    captured, outputs = captured_names(graph), {value.name for value in graph.output}
    return [
        node.name
        for node in graph.node
        if is_standard(node, *_REMOVABLE) and ({*node.input, *node.output} & captured or node.input[0] in outputs)
    ]


def pixel_scale(model: Model) -> Overrides:
    """Fix the scale of an image input so that its quantised form is the pixels' bytes, where there is such a scale.

    (pixel - mean) / std = scale * (byte - zero point) with scale = 1 / std and zero point = mean, provided that they
    are the same for all channels and the mean is a whole number.
    """
    preprocessing = image_preprocessing(model)
    if preprocessing is None:
        return {}
    mean, std = set(preprocessing.mean), set(preprocessing.std)
    if len(mean) != 1 or len(std) != 1:
        return {}
    zero_point = mean.pop()
    if zero_point != int(zero_point) or not 0 <= zero_point <= 255:
        return {}
    scale = np.array(1.0 / std.pop(), np.float32)
    return {
        model.inputs[0].name: [
            {"quant_type": QuantType.QUInt8, "scale": scale, "zero_point": np.array(int(zero_point))}
        ]
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser from logging every tensor that it leaves as it is."""

    def foreign(record: logging.LogRecord) -> bool:
        return "quantization" not in record.pathname

    logger = logging.getLogger()
    logger.addFilter(foreign)
    try:
        yield
    finally:
        logger.removeFilter(foreign)
