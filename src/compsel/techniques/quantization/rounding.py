"""Round the weights of a graph to 8 bits, and correct the biases for the mean error."""

from collections.abc import Collection, Mapping

import numpy as np
import onnx

from compsel.models.editable_graph import EditableGraph, FreshNames, add_constant
from compsel.models.editing import sort_nodes
from compsel.models.graph_queries import constants, is_standard, uses
from compsel.models.layers import LAYERS, bias_name, has_constant_bias, has_unit_factors, is_float
from compsel.techniques.quantization.bias_correction import correct_bias, mean_output_error
from compsel.techniques.quantization.int8_weights import QuantisedWeight, WeightRange, quantise_weight

__all__ = ["round_weights"]

_LARGEST_BIAS = 2.0**30
_ROWS = 64


def round_weights(
    editable: EditableGraph,
    bounds: WeightRange,
    means: Mapping[str, np.ndarray],
    scales: Mapping[str, float],
    leaving: Collection[str] = (),
) -> None:
    """Replace the weights of convolutions and dense layers by 8-bit ones behind a DequantizeLinear, in place.

    The rounded weights shift the mean of a layer's output by (rounded - weight) times the mean of its input: the
    bias takes that back (`compsel.techniques.quantization.bias_correction`).

    Args:
        editable: the graph.
        bounds: see `compsel.techniques.quantization.int8_weights.quantise_weight`.
        means: mean of each channel of the layers' inputs; biases of layers that are not in it stay.
        scales: scale of the layers' quantised inputs; layers whose input has none keep their weights.
        leaving: names of layers that keep theirs, too.
    """
    weights, counter = constants(editable.graph), uses(editable.graph)
    names = FreshNames(editable.graph)
    dequantise: list[onnx.NodeProto] = []
    shared: dict[str, list[tuple[str, QuantisedWeight]]] = {}
    for node in editable.graph.node:
        name = node.input[1] if len(node.input) > 1 else ""
        weight = weights.get(name)
        if weight is None or not is_float(weight) or node.input[0] not in scales or node.name in leaving:
            continue
        values = editable.array(weight)
        if not is_standard(node, *LAYERS) or not has_unit_factors(node):
            continue
        bias = weights.get(bias_name(node))
        # the bias is stored in 32 bits with the product of both scales, which must not be too fine for it
        largest = np.abs(editable.array(bias)).reshape(-1) if bias is not None and len(bias.dims) == 1 else np.zeros(1)
        rounded = quantise_weight(values, node, bounds, finest=largest / (_LARGEST_BIAS * scales[node.input[0]]))
        if rounded is None:
            continue
        corrects = has_constant_bias(node, weights) and counter[node.input[2]] == 1 and node.input[0] in means
        if bias is not None and corrects:
            correct_bias(editable, bias, _rounding_error(node, rounded, values, means[node.input[0]]))
        del values
        same = [known for known, other in shared.get(name, ()) if _equal(other, rounded)]
        if same:  # of an unrolled recurrent layer, for example
            node.input[1] = same[0]
            continue
        node.input[1] = names(f"{node.name}.rounded")
        if counter[name] > 1:
            shared.setdefault(name, []).append((node.input[1], rounded))
        dequantise.append(_dequantised(editable.graph, node.input[1], rounded, names))
    editable.graph.node.extend(dequantise)
    sort_nodes(editable.graph)


def _equal(first: QuantisedWeight, second: QuantisedWeight) -> bool:
    return (
        first.axis == second.axis
        and np.array_equal(first.scales, second.scales)
        and np.array_equal(first.codes, second.codes)
    )


def _dequantised(graph: onnx.GraphProto, name: str, rounded: QuantisedWeight, names: FreshNames) -> onnx.NodeProto:
    """Add codes, scales and zero points; return the node that computes the weight from them."""
    parts = {
        names(f"{name}.int8"): rounded.codes,
        names(f"{name}.scale"): rounded.scales,
        names(f"{name}.zero_point"): np.zeros(rounded.scales.shape, np.int8),
    }
    for part, values in parts.items():
        add_constant(graph, part, values)
    node_name = names(f"{name}.dequantise")
    return onnx.helper.make_node("DequantizeLinear", list(parts), [name], node_name, axis=rounded.axis)


def _rounding_error(node: onnx.NodeProto, rounded: QuantisedWeight, values: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return what rounding a weight adds to the mean of each output channel, (channels,)."""
    if not (is_standard(node, "Gemm") and rounded.axis == 0):
        error = rounded.values
        error -= values
        return mean_output_error(node, error, mean)
    # some rows at a time: the weights of dense layers can be most of a model
    rows = (slice(start, start + _ROWS) for start in range(0, len(values), _ROWS))
    return np.concatenate(
        [
            mean_output_error(node, rounded.codes[part] * rounded.scales[part, None] - values[part], mean)
            for part in rows
        ]
    )
