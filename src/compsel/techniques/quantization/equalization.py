"""Cross-layer equalisation: channels of neighbouring layers get similar ranges, so that one 8-bit scale suits them all.

Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization and Bias Correction", section 4.1.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from compsel.models.channel_axes import ChannelAxes
from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_queries import attribute, constants, is_standard, uses
from compsel.models.layers import bias_name, is_float, is_plain
from compsel.models.weights import input_channels, output_channels
from compsel.techniques.statistics.reductions import Reductions

__all__ = ["equalise"]

_CONVOLUTIONS = ("Conv", "ConvTranspose")
_SWEEPS = 20
_SETTLED = 0.01
_LARGEST_FACTOR = 64.0
# how far beyond the largest value of the samples a clamp must stay, and values that any channel may reach
_MARGIN, _LEAST_MAXIMUM = 2.0, 1.0
Feeds = Callable[[], Iterable[Mapping[str, np.ndarray]]]


@dataclass(frozen=True)
class _Pair:
    """Two layers, the second of which alone reads what the first gives, perhaps through a clamp from zero on."""

    first: onnx.NodeProto
    second: onnx.NodeProto
    limit: float | None  # of the clamp; None where there is none


def equalise(editable: EditableGraph, feeds: Feeds) -> int:
    """Divide the channels of layers by factors, and multiply by them what the next layer does with these, in place.

    The network stays the same function where nothing, or a ReLU, lies between the two layers. A ReLU6 is no such
    function: there, only channels that the samples never bring to its limit are scaled, and not beyond it.

    Args:
        editable: the graph, batch norms folded.
        feeds: gives the samples' feeds; called once, where clamps lie between layers.

    Returns:
        how many pairs of layers were equalised.

    >>> weight = numpy_helper.from_array(np.ones((2, 1, 1, 1), np.float32), "w")
    >>> proto = onnx.ModelProto(graph=onnx.GraphProto(initializer=[weight]))
    >>> equalise(EditableGraph(proto, {}), list)
    0
    """
    pairs = list(_pairs(editable))
    maxima = _channel_maxima(editable, [pair for pair in pairs if pair.limit is not None], feeds)
    weights = {
        name: editable.array(tensor).astype(np.float32)
        for name, tensor in constants(editable.graph).items()
        if any(name in pair.first.input[1:] or name == pair.second.input[1] for pair in pairs)
    }
    total = {pair.first.name: np.ones(_given(pair, weights).count) for pair in pairs}
    for _ in range(_SWEEPS):
        largest = 0.0
        for pair in pairs:
            factors = _factors(pair, weights, total[pair.first.name], maxima.get(pair.first.name))
            _apply(pair, weights, factors)
            total[pair.first.name] *= factors
            largest = max(largest, float(np.abs(np.log(factors)).max(initial=0.0)))
        if largest < _SETTLED:
            break
    tensors = constants(editable.graph)
    for name, values in weights.items():
        tensors[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
    return len(pairs)


def _pairs(editable: EditableGraph) -> Iterator[_Pair]:
    weights, counter = constants(editable.graph), uses(editable.graph)
    readers = {name: node for node in editable.graph.node for name in node.input}
    for first in editable.graph.node:
        if not _is_own(first, weights, counter):
            continue
        value, limit = first.output[0], None
        reader = readers.get(value)
        if reader is not None and counter[value] == 1 and is_standard(reader, "Relu", "Clip"):
            bounds = _bounds(reader, weights)
            if bounds is None or bounds[0] != 0:
                continue
            limit = bounds[1] if np.isfinite(bounds[1]) else None
            value = reader.output[0]
            reader = readers.get(value)
        if reader is None or counter[value] != 1 or reader.input[0] != value or not _is_own(reader, weights, counter):
            continue
        given = output_channels(first, 1, tuple(weights[first.input[1]].dims))
        taken = input_channels(reader, tuple(weights[reader.input[1]].dims))
        if given is not None and taken is not None and given.count == taken.count:
            yield _Pair(first, reader, limit)


def _is_own(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto], counter: Mapping[str, int]) -> bool:
    """Tell whether a node is a layer whose float32 weight and bias no other layer reads."""
    if not is_standard(node, *_CONVOLUTIONS, "Gemm") or not is_plain(node):
        return False
    names = [name for name in node.input[1:] if name]
    if not all(is_float(weights.get(name)) and counter[name] == 1 for name in names):
        return False
    layout = output_channels(node, 1, tuple(weights[names[0]].dims))
    return layout is not None and all(list(weights[name].dims) == [layout.count] for name in names[1:])


def _given(pair: _Pair, weights: Mapping[str, np.ndarray]) -> ChannelAxes:
    """Return where the channels that a pair shares lie in the weight of its first layer."""
    layout = output_channels(pair.first, 1, weights[pair.first.input[1]].shape)
    assert layout is not None
    return layout


def _taken(pair: _Pair, weights: Mapping[str, np.ndarray]) -> ChannelAxes:
    """Return where they lie in the weight of its second layer."""
    layout = input_channels(pair.second, weights[pair.second.input[1]].shape)
    assert layout is not None
    return layout


def _bounds(node: onnx.NodeProto, weights: Mapping[str, onnx.TensorProto]) -> tuple[float, float] | None:
    """Return the bounds of a clamp, None where they are not constant."""
    if is_standard(node, "Relu"):
        return 0.0, np.inf
    bounds = [float(attribute(node, "min", -np.inf)), float(attribute(node, "max", np.inf))]
    for index, name in enumerate(node.input[1:3]):
        if name and name not in weights:
            return None
        if name:
            bounds[index] = float(numpy_helper.to_array(weights[name]).reshape(-1)[0])
    return bounds[0], bounds[1]


def _channel_maxima(editable: EditableGraph, pairs: list[_Pair], feeds: Feeds) -> dict[str, np.ndarray]:
    """Return the largest value of each channel before the clamps, by name of the first layer."""
    reductions = Reductions(editable)
    for pair in pairs:
        reductions.add("GlobalMaxPool" if is_standard(pair.first, *_CONVOLUTIONS) else "Identity", pair.first.output[0])
    largest = {pair.first.name: np.zeros(()) for pair in pairs}
    for values in reductions.run(feeds()):
        for name, value in zip(largest, values, strict=True):
            largest[name] = np.maximum(largest[name], value.reshape(*value.shape[:2]).max(axis=0))
    return largest


def _factors(
    pair: _Pair, weights: Mapping[str, np.ndarray], total: np.ndarray, maximum: np.ndarray | None
) -> np.ndarray:
    """Return what each channel is divided by: then its ranges in both layers are the same."""
    own = _range(weights[pair.first.input[1]], _given(pair, weights))
    read = _range(weights[pair.second.input[1]], _taken(pair, weights))
    alive = (own > 0) & (read > 0)
    factors = np.sqrt(np.where(alive, own, 1.0) / np.where(alive, read, 1.0))
    factors = np.clip(factors * total, 1 / _LARGEST_FACTOR, _LARGEST_FACTOR) / total
    if pair.limit is not None and maximum is not None:
        # the clamp stays where it is while the values behind it shrink or grow
        reach = np.maximum(maximum * _MARGIN, _LEAST_MAXIMUM)
        factors = np.where(reach < pair.limit, np.maximum(factors, reach / pair.limit / total), 1.0)
    return np.asarray(factors)


def _apply(pair: _Pair, weights: dict[str, np.ndarray], factors: np.ndarray) -> None:
    name = pair.first.input[1]
    weights[name] = weights[name] / _given(pair, weights).factors(factors)
    bias = bias_name(pair.first)
    if bias:
        weights[bias] = weights[bias] / factors
    name = pair.second.input[1]
    weights[name] = weights[name] * _taken(pair, weights).factors(factors)


def _range(weight: np.ndarray, layout: ChannelAxes) -> np.ndarray:
    return np.asarray(np.abs(layout.rows(weight)).max(axis=1), np.float64)
