"""Round the weights of a graph to their 8-bit grids, and correct the biases for the mean error that makes."""

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from compsel.models.editable_graph import EditableGraph
from compsel.models.editing import sort_nodes
from compsel.models.graph_queries import attribute, constants, is_standard, uses
from compsel.models.graph_session import open_session
from compsel.techniques.quantization.int8_weights import QuantisedWeight, WeightRange, quantise_weight

__all__ = ["WeightRange", "channel_means", "correct_bias", "has_bias", "round_weights"]

_MEAN = "compsel.mean"
_LARGEST_BIAS = 2.0**30
_ROWS = 64


def channel_means(editable: EditableGraph, feeds: Iterable[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Measure the mean of each channel of the inputs of convolutions and dense layers with a bias.

    Returns:
        by name of the input, float64 (channels,); the same weight for every sample.
    """
    weights = constants(editable.graph)
    layers = [node for node in editable.graph.node if has_bias(node, weights)]
    measured = editable.with_outputs(())
    names: dict[str, str] = {}
    for node in layers:
        if node.input[0] in names:
            continue
        name = names[node.input[0]] = f"{_MEAN}.{len(names)}"
        # a dense layer's input is (batch, channels): it is averaged over the batch below, like the other's result
        op_type = "GlobalAveragePool" if node.op_type == "Conv" else "Identity"
        measured.graph.node.append(onnx.helper.make_node(op_type, [node.input[0]], [name], name))
        measured.graph.output.append(onnx.ValueInfoProto(name=name))
    sums = {name: np.zeros(()) for name in names}
    count = 0
    session = open_session(measured) if names else None
    for feed in feeds if session else ():
        assert session is not None
        for name, value in zip(names, session.run(list(names.values()), dict(feed)), strict=True):
            sums[name] = sums[name] + value.astype(np.float64).reshape(*value.shape[:2]).mean(axis=0)
        count += 1
    return {name: total / max(count, 1) for name, total in sums.items()}


def round_weights(
    editable: EditableGraph, bounds: WeightRange, means: Mapping[str, np.ndarray], scales: Mapping[str, float]
) -> None:
    """Replace the weights of convolutions and dense layers by 8-bit ones behind a DequantizeLinear, in place.

    The rounded weights shift the mean of a layer's output by (rounded - weight) times the mean of its input: the
    bias takes that back (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias
    Correction", section 4.2, with measured means).

    Args:
        editable: the graph.
        bounds: see `compsel.techniques.quantization.int8_weights.quantise_weight`.
        means: mean of each channel of the layers' inputs; biases of layers that are not in it stay.
        scales: scale of the layers' quantised inputs; layers whose input has none keep their weights.
    """
    weights, counter = constants(editable.graph), uses(editable.graph)
    taken = {*weights, *(name for node in editable.graph.node for name in node.output)}
    dequantise: list[onnx.NodeProto] = []
    shared: dict[str, list[tuple[str, QuantisedWeight]]] = {}
    for node in editable.graph.node:
        name = node.input[1] if len(node.input) > 1 else ""
        weight = weights.get(name)
        if weight is None or weight.data_type != onnx.TensorProto.FLOAT or node.input[0] not in scales:
            continue
        values = editable.array(weight)
        corrects = has_bias(node, weights) and counter[node.input[2]] == 1
        # the bias is stored in 32 bits with the product of both scales, which must not be too fine for it
        bias = np.abs(editable.array(weights[node.input[2]])) if has_bias(node, weights) else np.zeros(1)
        rounded = quantise_weight(values, node, bounds, finest=bias / (_LARGEST_BIAS * scales[node.input[0]]))
        if rounded is None:
            continue
        if corrects and node.input[0] in means:
            _shift_bias(editable, weights[node.input[2]], _rounding_shift(node, rounded, values, means[node.input[0]]))
        del values
        same = [known for known, other in shared.get(name, ()) if _equal(other, rounded)]
        if same:  # of an unrolled recurrent layer, for example
            node.input[1] = same[0]
            continue
        fresh = f"{node.name}.rounded"
        while fresh in taken:
            fresh += "_"
        taken.add(fresh)
        node.input[1] = fresh
        if counter[name] > 1:
            shared.setdefault(name, []).append((fresh, rounded))
        dequantise.append(_dequantised(editable.graph, fresh, rounded))
    editable.graph.node.extend(dequantise)
    sort_nodes(editable.graph)


def _equal(first: QuantisedWeight, second: QuantisedWeight) -> bool:
    return (
        first.axis == second.axis
        and np.array_equal(first.scales, second.scales)
        and np.array_equal(first.grid, second.grid)
    )


def _dequantised(graph: onnx.GraphProto, name: str, rounded: QuantisedWeight) -> onnx.NodeProto:
    """Add 8-bit numbers, scales and zero points; return the node that makes the weight of them."""
    parts = {
        f"{name}.int8": rounded.grid,
        f"{name}.scale": rounded.scales,
        f"{name}.zero_point": np.zeros(rounded.scales.shape, np.int8),
    }
    graph.initializer.extend(numpy_helper.from_array(values, part) for part, values in parts.items())
    return onnx.helper.make_node("DequantizeLinear", list(parts), [name], f"{name}.dequantise", axis=rounded.axis)


def has_bias(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto]) -> bool:
    """Tell whether a node is a layer with constant weight and bias, to which a correction can be added."""
    if not is_standard(node, "Conv", "Gemm") or len(node.input) < 3 or node.input[2] not in weights:
        return False
    if node.op_type == "Conv":
        return node.input[1] in weights
    plain = attribute(node, "alpha", 1.0) == 1.0 and attribute(node, "beta", 1.0) == 1.0
    return node.input[1] in weights and plain and not attribute(node, "transA", 0)


def correct_bias(
    editable: EditableGraph, node: onnx.NodeProto, bias: onnx.TensorProto, error: np.ndarray, mean: np.ndarray
) -> None:
    """Take from a bias, in place, what an error in the weight adds to the mean of the layer's output."""
    _shift_bias(editable, bias, _mean_error(node, error, mean))


def _shift_bias(editable: EditableGraph, bias: onnx.TensorProto, shift: np.ndarray) -> None:
    values = editable.array(bias)
    corrected = (values - shift).astype(values.dtype)
    bias.CopyFrom(numpy_helper.from_array(corrected, bias.name))


def _rounding_shift(node: onnx.NodeProto, rounded: QuantisedWeight, values: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return what rounding a weight adds to the mean of each output channel, (channels,)."""
    if not (is_standard(node, "Gemm") and rounded.axis == 0):
        error = rounded.values
        error -= values
        return _mean_error(node, error, mean)
    # some rows at a time: the weights of dense layers can be most of a model
    rows = (slice(start, start + _ROWS) for start in range(0, len(values), _ROWS))
    return np.concatenate(
        [_mean_error(node, rounded.grid[part] * rounded.scales[part, None] - values[part], mean) for part in rows]
    )


def _mean_error(node: onnx.NodeProto, error: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the mean of what an error in the weight adds to each output channel, (channels,).

    Borders of padded convolutions see fewer inputs; that is left out.
    """
    if is_standard(node, "Gemm"):
        rows = error if attribute(node, "transB", 0) else error.T
        # the product is in float64: not of all rows at once
        return np.concatenate([rows[start : start + _ROWS] @ mean for start in range(0, len(rows), _ROWS)])
    taps = error.reshape(error.shape[0], error.shape[1], -1).sum(axis=2)
    # a channel of group g reads the inputs of group g
    groups = mean.size // taps.shape[1]
    inputs = np.repeat(mean.reshape(groups, taps.shape[1]), error.shape[0] // groups, axis=0)
    return np.asarray((taps * inputs).sum(axis=1))
