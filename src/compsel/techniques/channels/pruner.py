"""A network whose channels can be taken out at will: statistics are measured once, every choice follows from them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx
from onnx import numpy_helper

from compsel.errors import NotApplicableError
from compsel.feeds import feeds_of
from compsel.model import Model
from compsel.samples import Samples
from compsel.techniques.channels.coupling import Coupling, Group, Layer
from compsel.techniques.channels.elimination import Order, Reader, eliminate, refit, regularised
from compsel.techniques.channels.rules import trace
from compsel.techniques.channels.surgery import remove_channels
from compsel.techniques.draft import Draft
from compsel.techniques.fold import fold
from compsel.techniques.graph import attribute, constants, editable, is_standard
from compsel.techniques.moments import Moments, collect
from compsel.techniques.sample_feeds import SampleFeeds
from compsel.techniques.shapes import sample_shapes

__all__ = ["ChannelPruner"]

_MOST_GONE = 0.875
_FEWEST_CHANNELS = 2
_LEVELS = 8


@dataclass(frozen=True)
class _Reader:
    """A layer whose inputs may go.

    Attributes:
        inputs: channel of each of its input channels.
        weight: (outputs, features), features as in `moments`.
        moments: of what it reads.
        centred: whether a bias can take up what changes in the mean.
    """

    inputs: np.ndarray
    weight: np.ndarray
    moments: Moments
    centred: bool

    def covariance(self, block: int) -> np.ndarray:
        return regularised(self.moments.covariance(block, centred=self.centred), self.moments.rows)

    @cached_property
    def inverses(self) -> list[np.ndarray]:
        return [np.linalg.inv(self.covariance(block)) for block in range(self.moments.blocks)]

    @cached_property
    def energy(self) -> float:
        """Variance of the output."""
        energy = 0.0
        for block in range(self.moments.blocks):
            weight = self.weight[:, self.moments.features(block)].astype(np.float64)
            energy += float(np.sum((weight @ self.covariance(block)) * weight))
        return energy or 1.0


class ChannelPruner:
    """Which channels of a model can go, in which order, and the model without them.

    Batch norms are folded first. For each group of coupled channels the order follows from the calibration samples
    (`compsel.techniques.channels.elimination.eliminate`); after the surgery, the layers that read what is left are
    refitted by least squares to give the outputs they gave before (He et al. 2017, "Channel pruning for accelerating
    very deep neural networks", section 3.1; Luo et al. 2017, "ThiNet", section 3.2), weights and biases. Layers that
    read through groups of a convolution are cut, not refitted.

    Args:
        model: what to prune; it stays as it is.
        samples: calibration samples.
        reconstruct: whether to refit weights and biases.
        multiple: what the number of channels that stay is a multiple of, at the levels of groups of 8 times as many.

    Raises:
        NotApplicableError: no channel can go.

    >>> from compsel.networks import build
    >>> from compsel.samples import ArraySamples
    >>> model = build("mobilenet-v1", width=0.25, resolution=32)
    >>> images = np.random.default_rng(0).integers(0, 256, (4, 40, 40, 3), np.uint8)
    >>> pruner = ChannelPruner(model, ArraySamples(list(images)))
    >>> pruner.layers[0], [round(pruner.share("conv_stem", level), 3) for level in range(3)]
    ('conv_stem', [0.0, 0.125, 0.25])
    >>> pruner.work({"conv_stem": 2}) < pruner.work({})
    True
    """

    def __init__(self, model: Model, samples: Samples, *, reconstruct: bool = True, multiple: int = 8) -> None:
        self.model, self._reconstruct, self._multiple = model, reconstruct, multiple
        self._draft = fold(editable(model))
        self._shapes = sample_shapes(self._draft, feeds_of(model, samples.value(0)))
        self.coupling: Coupling = trace(self._draft, self._shapes)
        self._orders: dict[str, Order] = {}
        self._readers: dict[str, _Reader] = {}
        groups = [group for group in self.coupling.groups if len(group.channels) >= _FEWEST_CHANNELS]
        removable = np.concatenate([group.channels for group in groups]) if groups else np.zeros(0, np.int64)
        readers = [layer for layer in self.coupling.layers if np.isin(layer.inputs, removable).any()]
        self._measure([layer for layer in readers if layer.blocks == 1], samples)
        # a group that no layer reads (it is made and added to others) has nothing to be judged by
        self.groups: dict[str, Group] = {group.name: group for group in groups if self._reads(group)}
        if not self.groups:
            raise NotApplicableError(f"channel-prune: {model.name!r} has no channels that can be removed")

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the groups of channels, in the order of the graph."""
        return tuple(self.groups)

    def levels(self, layer: str) -> int:
        """Return the number of levels of a group; kernels like numbers of channels that stay to be multiples."""
        return len(self._counts(layer))

    def share(self, layer: str, level: int) -> float:
        """Return the share of the channels that is gone at a level."""
        return self._counts(layer)[level] / len(self.groups[layer].channels)

    def loss(self, layer: str, level: int) -> float:
        """Return what the layers that read a group lose at a level: squared error over variance, summed over them."""
        return float(self.order(layer).losses[self._counts(layer)[level]])

    def work(self, plan: Mapping[str, int]) -> int:
        """Return the multiply-accumulates for one sample at these levels."""
        return self.coupling.macs(self.removed(self._counted(plan)))

    def make(self, plan: Mapping[str, int]) -> Model:
        """Return the model at these levels."""
        return self.remove(self._counted(plan))

    def order(self, group: str) -> Order:
        """Return in which order the channels of a group can go, and what that loses."""
        if group not in self._orders:
            self._orders[group] = self._eliminate(self.groups[group])
        return self._orders[group]

    def removed(self, counts: Mapping[str, int]) -> list[int]:
        """Return the channels that go when so many of each group do."""
        return [
            int(channel)
            for group, count in counts.items()
            if count
            for channel in self.groups[group].channels[self.order(group).channels[:count]]
        ]

    def remove(self, counts: Mapping[str, int]) -> Model:
        """Return the model without so many channels of each group."""
        removed = self.removed(counts)
        draft = _copy(self._draft)
        if self._reconstruct and removed:
            self._refit(draft, np.array(removed))
        remove_channels(draft, self.coupling, removed, {name: len(shape) for name, shape in self._shapes.items()})
        return self.model.with_proto(draft.complete())

    def _counts(self, group: str) -> list[int]:
        """Return how many channels of a group are gone at each level."""
        count = len(self.groups[group].channels)
        step = self._multiple
        while step > 1 and count < _LEVELS * step:
            step //= 2
        least = count - int(count * _MOST_GONE)
        return [0, *(count - kept for kept in range((count - 1) // step * step, max(least, 1) - 1, -step))]

    def _counted(self, plan: Mapping[str, int]) -> dict[str, int]:
        return {group: self._counts(group)[level] for group, level in plan.items()}

    def _measure(self, layers: list[Layer], samples: Samples) -> None:
        nodes = {node.name: node for node in self._draft.graph.node}
        weights = constants(self._draft.graph)
        runs = {layer.node: _run_length(layer.inputs) for layer in layers}
        sizes = {layer.node: (len(layer.inputs) // runs[layer.node], layer.taps * runs[layer.node]) for layer in layers}
        by_name = {layer.node: layer for layer in layers}
        for name, moments in collect(self._draft, sizes, SampleFeeds(self.model, samples), len(samples)):
            node = nodes[name]
            weight = _matrix(node, self._draft.array(weights[node.input[1]]))
            inputs = by_name[name].inputs[:: runs[name]]
            self._readers[name] = _Reader(inputs, weight, moments, centred=node.op_type != "MatMul")

    def _reads(self, group: Group) -> bool:
        return any(np.isin(reader.inputs, group.channels).any() for reader in self._readers.values())

    def _eliminate(self, group: Group) -> Order:
        readers = [
            part
            for reader in self._readers.values()
            if np.isin(reader.inputs, group.channels).any()
            for part in _parts(reader, group)
        ]
        return eliminate(readers, len(group.channels), int(len(group.channels) * _MOST_GONE))

    def _refit(self, draft: Draft, removed: np.ndarray) -> None:
        """Refit the layers that lose inputs; the weights of those inputs are cut later."""
        nodes, weights = {node.name: node for node in draft.graph.node}, constants(draft.graph)
        for name, reader in self._readers.items():
            kept = np.repeat(~np.isin(reader.inputs, removed), reader.moments.taps)
            if kept.all():
                continue
            node, moments = nodes[name], reader.moments
            fitted = np.zeros_like(reader.weight, dtype=np.float64)
            for block in range(moments.blocks):
                features = moments.features(block)
                stay = kept[features]
                weight = reader.weight[:, features].astype(np.float64)
                fitted[:, features[stay]] = refit(weight, reader.covariance(block), stay)
            shift = (reader.weight - fitted) @ moments.mean if reader.centred else None
            _store(draft, weights, node, fitted, shift)


def _parts(reader: _Reader, group: Group) -> Iterator[Reader]:
    """Give a layer as the readers of a group's channels, one for each block of its features."""
    moments = reader.moments
    positions = [np.flatnonzero(reader.inputs == channel) for channel in group.channels]
    width = min(len(here) for here in positions)
    if width == 0:  # it reads some of them only
        return
    for block, inverse in enumerate(reader.inverses):
        features = moments.features(block)
        taps = len(features) // moments.channels
        columns = np.array(
            [[place * taps + tap for place in here[:width] for tap in range(taps)] for here in positions]
        )
        flat = columns.ravel()
        weight = reader.weight[:, features[flat]].astype(np.float64)
        yield Reader(weight, inverse[np.ix_(flat, flat)], np.arange(flat.size).reshape(columns.shape), reader.energy)


def _run_length(channels: np.ndarray) -> int:
    """Return how many neighbours belong to one channel: flattened maps have as many as the map has places."""
    edges = np.flatnonzero(np.diff(channels)) + 1
    return int(np.gcd.reduce(np.diff([0, *edges, len(channels)])))


def _matrix(node: onnx.NodeProto, weight: np.ndarray) -> np.ndarray:
    """Return a weight as (outputs, features)."""
    if is_standard(node, "Conv"):
        return weight.reshape(len(weight), -1)
    return weight if node.op_type == "Gemm" and attribute(node, "transB", 0) else weight.T


def _store(
    draft: Draft,
    weights: dict[str, onnx.TensorProto],
    node: onnx.NodeProto,
    matrix: np.ndarray,
    shift: np.ndarray | None,
) -> None:
    """Give a layer another weight and move its bias."""
    shape = tuple(weights[node.input[1]].dims)
    values = matrix.reshape(shape) if _matrix_is_plain(node) else matrix.T
    weight = numpy_helper.from_array(np.ascontiguousarray(values, np.float32), f"{node.input[1]}.refitted")
    has_bias = len(node.input) > 2 and bool(node.input[2])
    old = draft.array(weights[node.input[2]]) if has_bias else np.zeros(len(matrix))
    draft.graph.initializer.append(weight)
    weights[weight.name] = draft.graph.initializer[-1]
    node.input[1] = weight.name
    if shift is not None:
        bias = numpy_helper.from_array((old + shift).astype(np.float32), f"{node.name}.refitted_bias")
        draft.graph.initializer.append(bias)
        weights[bias.name] = draft.graph.initializer[-1]
        del node.input[2:]
        node.input.append(bias.name)


def _matrix_is_plain(node: onnx.NodeProto) -> bool:
    return is_standard(node, "Conv") or (node.op_type == "Gemm" and bool(attribute(node, "transB", 0)))


def _copy(draft: Draft) -> Draft:
    proto = onnx.ModelProto()
    proto.CopyFrom(draft.proto)
    return Draft(proto, draft.lent)
