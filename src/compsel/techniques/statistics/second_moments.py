"""Second moments of the inputs and outputs of layers: all that least squares needs to know of calibration samples."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx

from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_queries import is_standard
from compsel.models.graph_session import open_session
from compsel.techniques.statistics.im2col import patches, sampled_rows

__all__ = ["MOST_FEATURES", "SecondMoments", "input_moments", "output_moments"]

# a layer with more features is split by tap of the kernel: covariances between taps are left out
MOST_FEATURES = 2304
_ROWS_PER_FEATURE = 6
_FEWEST_ROWS = 32
_OUTPUT_ROWS = 256
_MOST_VALUES = 25_000_000  # of all moments that are collected in one pass: 200 MB


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


def input_moments(
    editable: EditableGraph,
    layers: Mapping[str, tuple[int, int]],
    feeds: Iterable[Mapping[str, np.ndarray]],
    samples: int,
) -> Iterator[tuple[tuple[str, ...], SecondMoments]]:
    """Measure the inputs of convolutions (without groups) and dense layers: once for all that read the same.

    Of each sample so many output positions are read, drawn at random, that there are six rows for each feature in all,
    and at least 32 of each sample.

    Args:
        editable: the graph.
        layers: channels and taps of each, by name of the node.
        feeds: of the samples; gone through once for each part of the layers that fits into memory.
        samples: how many they are.

    Yields:
        names of layers, in the order of `layers`, and the moments of their input.
    """
    nodes = {node.name: node for node in editable.graph.node}
    shapes = {tensor.name: tuple(tensor.dims) for tensor in editable.graph.initializer}
    alike: dict[str, list[str]] = {}
    for name in layers:
        alike.setdefault(_input_signature(nodes[name], shapes), []).append(name)
    pending = list(alike.values())
    while pending:
        moments: dict[str, SecondMoments] = {}
        groups: list[list[str]] = []
        values = 0
        while pending:
            channels, taps = layers[pending[0][0]]
            split = channels * taps > MOST_FEATURES
            values += channels * channels * taps * (1 if split else taps)
            if moments and values > _MOST_VALUES:
                break
            moments[pending[0][0]] = SecondMoments(channels, taps)
            groups.append(pending.pop(0))
        _accumulate(editable, {name: nodes[name] for name in moments}, moments, feeds, samples)
        for group in groups:
            yield tuple(group), moments.pop(group[0])


def _input_signature(node: onnx.NodeProto, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Return a text that is the same for layers that read the same values at the same positions."""
    if not is_standard(node, "Conv"):
        return f"{node.op_type} {node.input[0]}"
    settings = sorted((entry.name, str(onnx.helper.get_attribute_value(entry))) for entry in node.attribute)
    return f"{node.op_type} {node.input[0]} {shapes[node.input[1]][2:]} {settings}"


def _accumulate(
    editable: EditableGraph,
    nodes: Mapping[str, onnx.NodeProto],
    moments: Mapping[str, SecondMoments],
    feeds: Iterable[Mapping[str, np.ndarray]],
    samples: int,
) -> None:
    """Add the inputs of these nodes, of every sample, to their moments."""
    shapes = {tensor.name: tuple(tensor.dims) for tensor in editable.graph.initializer}
    outputs = _layer_values(editable, lambda node: node.input[0])
    inner = sorted({node.input[0] for node in nodes.values()} & set(outputs))
    session = open_session(editable.with_outputs(outputs))
    for number, feed in enumerate(feeds):
        # without names the runtime gives every output
        values = {**feed, **(dict(zip(inner, session.run(inner, dict(feed)), strict=True)) if inner else {})}
        for name, node in nodes.items():
            count = max(_FEWEST_ROWS, -(-_ROWS_PER_FEATURE * len(moments[name].mean) // max(samples, 1)))
            seed = [number, zlib.crc32(_input_signature(node, shapes).encode())]
            moments[name].add(patches(node, shapes[node.input[1]], values[node.input[0]], count, seed))


def output_moments(
    editable: EditableGraph, layers: Mapping[str, int], feeds: Iterable[Mapping[str, np.ndarray]]
) -> dict[str, SecondMoments]:
    """Measure the outputs of convolutions and dense layers.

    Args:
        editable: the graph.
        layers: output channels of each, by name of the node.
        feeds: of the samples.
    """
    moments = {name: SecondMoments(count, 1) for name, count in layers.items()}
    nodes = [node for node in editable.graph.node if node.name in layers]
    names = sorted({node.output[0] for node in nodes})
    session = open_session(editable.with_outputs(_layer_values(editable, lambda node: node.output[0])))
    for number, feed in enumerate(feeds):
        values = dict(zip(names, session.run(names, dict(feed)), strict=True))
        for node in nodes:
            value = values[node.output[0]]
            channels_last = np.moveaxis(value, 1, -1) if is_standard(node, "Conv") else value
            rows = channels_last.reshape(-1, channels_last.shape[-1])
            rng = np.random.default_rng([number, zlib.crc32(node.name.encode())])
            moments[node.name].add(rows[sampled_rows(rng, len(rows), _OUTPUT_ROWS)])
    return moments


def _layer_values(editable: EditableGraph, value: Callable[[onnx.NodeProto], str]) -> list[str]:
    """Return a value of every layer with a constant weight, sorted; inputs of the graph and constants left out.

    All of them are outputs, whatever is measured: which operators the runtime fuses, and so how it rounds, does not
    depend on what is measured together.
    """
    constant = {tensor.name for tensor in editable.graph.initializer}
    known = constant | {item.name for item in editable.graph.input}
    layers = [node for node in editable.graph.node if is_standard(node, "Conv", "Gemm", "MatMul")]
    return sorted({value(node) for node in layers if node.input[1] in constant} - known)
