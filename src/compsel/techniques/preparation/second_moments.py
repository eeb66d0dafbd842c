"""Second moments of what layers read: all that least squares needs to know of the calibration samples."""

import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx

from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_queries import attribute, is_standard
from compsel.models.graph_session import open_session

__all__ = ["MOST_FEATURES", "SecondMoments", "collect", "collect_outputs", "patches"]

# a layer with more features is split by tap of the kernel: what taps say about each other is left out
MOST_FEATURES = 2304
_ROWS_PER_FEATURE = 6
_FEWEST_ROWS = 32
_MOST_NUMBERS = 25_000_000  # of all moments that are collected in one pass: 200 MB


@dataclass
class SecondMoments:
    """Sums over rows of features, of which mean and covariance follow.

    Features are (channels x taps), taps fastest. Layers with many features are split: one block of channels a tap.

    Attributes:
        channels: of the layer's input.
        taps: features of one channel.
        rows: how many were added.

    >>> moments = SecondMoments(channels=2, taps=1)
    >>> moments.add(np.array([[1.0, 0.0], [3.0, 0.0]], np.float32))
    >>> moments.mean.tolist(), moments.covariance(0).tolist()
    ([2.0, 0.0], [[1.0, 0.0], [0.0, 0.0]])
    """

    channels: int
    taps: int
    rows: int = 0
    _sum: np.ndarray = field(init=False)
    _products: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self._sum = np.zeros(self.channels * self.taps)
        width = self.channels if self.split else self.channels * self.taps
        self._products = np.zeros((self.blocks, width, width))

    @property
    def split(self) -> bool:
        """Whether there is one block for each tap."""
        return self.taps > 1 and self.channels * self.taps > MOST_FEATURES

    @property
    def blocks(self) -> int:
        """Into how many parts the features are split."""
        return self.taps if self.split else 1

    @property
    def mean(self) -> np.ndarray:
        """Mean of each feature, float64 (features,)."""
        return self._sum / max(self.rows, 1)

    def features(self, block: int) -> np.ndarray:
        """Return the features of a block, int (width,), one run of taps for each channel."""
        everything = np.arange(self.channels * self.taps)
        return everything[block :: self.taps] if self.split else everything

    def add(self, rows: np.ndarray) -> None:
        """Add rows, float32 (rows, features)."""
        self.rows += len(rows)
        self._sum += rows.sum(axis=0, dtype=np.float64)
        for block in range(self.blocks):
            part = np.ascontiguousarray(rows[:, self.features(block)])
            self._products[block] += part.T @ part

    def covariance(self, block: int, *, centred: bool = True) -> np.ndarray:
        """Return the covariance of the features of a block, or their mean products: float64 (width, width)."""
        products = self._products[block] / max(self.rows, 1)
        if centred:
            mean = self.mean[self.features(block)]
            products -= np.outer(mean, mean)
        return np.asarray(products)


def collect(
    editable: EditableGraph,
    layers: Mapping[str, tuple[int, int]],
    feeds: Iterable[Mapping[str, np.ndarray]],
    count: int,
) -> Iterator[tuple[tuple[str, ...], SecondMoments]]:
    """Measure what convolutions (without groups) and dense layers read: once for all that read the same.

    Of each sample so many output positions are read, drawn at random, that there are six rows for each feature in all,
    and at least 32 of each sample.

    Args:
        editable: the graph.
        layers: channels and taps of each, by name of the node.
        feeds: of the samples; gone through once for each part of the layers that fits into memory.
        count: how many samples they are.

    Yields:
        names of layers, in the order of `layers`, and the moments of what they read.
    """
    nodes = {node.name: node for node in editable.graph.node}
    weights = {tensor.name: tuple(tensor.dims) for tensor in editable.graph.initializer}
    alike: dict[str, list[str]] = {}
    for name in layers:
        alike.setdefault(_reading(nodes[name], weights), []).append(name)
    pending = list(alike.values())
    while pending:
        part: dict[str, SecondMoments] = {}
        names: list[list[str]] = []
        numbers = 0
        while pending:
            channels, taps = layers[pending[0][0]]
            split = channels * taps > MOST_FEATURES
            numbers += channels * channels * taps * (1 if split else taps)
            if part and numbers > _MOST_NUMBERS:
                break
            part[pending[0][0]] = SecondMoments(channels, taps)
            names.append(pending.pop(0))
        _add(editable, {name: nodes[name] for name in part}, part, feeds, count)
        for together in names:
            yield tuple(together), part.pop(together[0])


def _reading(node: onnx.NodeProto, weights: Mapping[str, tuple[int, ...]]) -> str:
    """Return a text that is the same for layers that read the same numbers at the same places."""
    if not is_standard(node, "Conv"):
        return f"{node.op_type} {node.input[0]}"
    places = sorted((entry.name, str(onnx.helper.get_attribute_value(entry))) for entry in node.attribute)
    return f"{node.op_type} {node.input[0]} {weights[node.input[1]][2:]} {places}"


def _add(
    editable: EditableGraph,
    nodes: Mapping[str, onnx.NodeProto],
    moments: Mapping[str, SecondMoments],
    feeds: Iterable[Mapping[str, np.ndarray]],
    count: int,
) -> None:
    shapes = {tensor.name: tuple(tensor.dims) for tensor in editable.graph.initializer}
    everything = _values(editable, lambda node: node.input[0])
    inner = sorted({node.input[0] for node in nodes.values()} & set(everything))
    session = open_session(editable.with_outputs(everything))
    for number, feed in enumerate(feeds):
        # without names the runtime gives every output
        values = {**feed, **(dict(zip(inner, session.run(inner, dict(feed)), strict=True)) if inner else {})}
        for name, node in nodes.items():
            wanted = max(_FEWEST_ROWS, -(-_ROWS_PER_FEATURE * len(moments[name].mean) // max(count, 1)))
            seed = [number, zlib.crc32(_reading(node, shapes).encode())]
            moments[name].add(patches(node, shapes[node.input[1]], values[node.input[0]], wanted, seed))


def _values(editable: EditableGraph, of: Callable[[onnx.NodeProto], str]) -> list[str]:
    """Return a value of every layer with a constant weight, sorted; inputs of the graph and constants left out.

    Whatever is wanted, the runtime is asked to show all of them: which operators it joins, and so how it rounds, does
    not depend on what is measured together.
    """
    constant = {tensor.name for tensor in editable.graph.initializer}
    known = constant | {value.name for value in editable.graph.input}
    layers = [node for node in editable.graph.node if is_standard(node, "Conv", "Gemm", "MatMul")]
    return sorted({of(node) for node in layers if node.input[1] in constant} - known)


def patches(
    node: onnx.NodeProto, shape: tuple[int, ...], value: np.ndarray, wanted: int, seed: Sequence[int]
) -> np.ndarray:
    """Return what a layer reads at some of its output positions, float32 (rows, features).

    Args:
        node: Conv without groups, Gemm or MatMul.
        shape: of its weight.
        value: its input.
        wanted: how many rows at most.
        seed: of the choice of positions.
    """
    rng = np.random.default_rng(list(seed))
    if not is_standard(node, "Conv"):
        rows = value.reshape(-1, value.shape[-1])
        return np.asarray(rows[_some(rng, len(rows), wanted)])
    kernel = shape[2:]
    spatial = value.shape[2:]
    strides = list(attribute(node, "strides", [1] * len(kernel)))
    dilations = list(attribute(node, "dilations", [1] * len(kernel)))
    before, after = _pads(node, kernel, spatial, strides, dilations)
    reach = [step * (size - 1) + 1 for step, size in zip(dilations, kernel, strict=True)]
    grid = [
        (size + low + high - span) // stride + 1
        for size, low, high, span, stride in zip(spatial, before, after, reach, strides, strict=True)
    ]
    chosen = _some(rng, len(value) * math.prod(grid), wanted)
    sample, *places = np.unravel_index(chosen, (len(value), *grid))
    padded = np.pad(value, [(0, 0), (0, 0), *zip(before, after, strict=True)])
    columns = []
    for tap in np.ndindex(*kernel):
        index = [
            place * stride + offset * step
            for place, stride, offset, step in zip(places, strides, tap, dilations, strict=True)
        ]
        columns.append(padded[(sample, slice(None), *index)])
    return np.stack(columns, axis=2).reshape(len(chosen), -1)


def _some(rng: np.random.Generator, count: int, wanted: int) -> np.ndarray:
    return np.arange(count) if count <= wanted else np.sort(rng.choice(count, wanted, replace=False))


def _pads(
    node: onnx.NodeProto,
    kernel: Sequence[int],
    spatial: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> tuple[list[int], list[int]]:
    mode = attribute(node, "auto_pad", b"NOTSET")
    if mode == b"VALID":
        return [0] * len(kernel), [0] * len(kernel)
    if mode in (b"SAME_UPPER", b"SAME_LOWER"):
        total = [
            max((-(-size // stride) - 1) * stride + step * (side - 1) + 1 - size, 0)
            for size, stride, step, side in zip(spatial, strides, dilations, kernel, strict=True)
        ]
        small, large = [pad // 2 for pad in total], [pad - pad // 2 for pad in total]
        return (small, large) if mode == b"SAME_UPPER" else (large, small)
    pads = list(attribute(node, "pads", [0] * (2 * len(kernel))))
    return pads[: len(kernel)], pads[len(kernel) :]


def collect_outputs(
    editable: EditableGraph, layers: Mapping[str, int], feeds: Iterable[Mapping[str, np.ndarray]]
) -> dict[str, SecondMoments]:
    """Measure what convolutions and dense layers give.

    Args:
        editable: the graph.
        layers: outputs of each, by name of the node.
        feeds: of the samples.
    """
    moments = {name: SecondMoments(count, 1) for name, count in layers.items()}
    nodes = [node for node in editable.graph.node if node.name in layers]
    names = sorted({node.output[0] for node in nodes})
    session = open_session(editable.with_outputs(_values(editable, lambda node: node.output[0])))
    for number, feed in enumerate(feeds):
        values = dict(zip(names, session.run(names, dict(feed)), strict=True))
        for node in nodes:
            value = values[node.output[0]]
            channels_last = np.moveaxis(value, 1, -1) if is_standard(node, "Conv") else value
            rows = channels_last.reshape(-1, value.shape[1] if is_standard(node, "Conv") else value.shape[-1])
            rng = np.random.default_rng([number, zlib.crc32(node.name.encode())])
            moments[node.name].add(rows[_some(rng, len(rows), _OUTPUT_ROWS)])
    return moments


_OUTPUT_ROWS = 256
