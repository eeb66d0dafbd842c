"""A model whose channels can be removed, any number of them, from statistics that are measured once."""

from collections.abc import Iterable, Mapping

import numpy as np
import onnx

from compsel.errors import NotApplicableError
from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.isolation.freed_memory import return_freed_memory
from compsel.models.editing import edit_graph
from compsel.models.graph_queries import constants
from compsel.models.layers import output_axis
from compsel.models.model import Model
from compsel.models.shapes import sample_shapes
from compsel.techniques.channels.coupling import ChannelCoupling, ChannelGroup, CoupledLayer
from compsel.techniques.channels.elimination import EliminationOrder, eliminate
from compsel.techniques.channels.propagation import trace
from compsel.techniques.channels.reader_statistics import ChannelReaders
from compsel.techniques.channels.removal import remove_channels
from compsel.techniques.preparation.batch_norm_folding import fold
from compsel.techniques.preparation.biases import give_biases
from compsel.techniques.statistics.sample_feeds import SampleFeeds
from compsel.techniques.statistics.second_moments import input_moments

__all__ = ["ChannelPruner"]

_MOST_GONE = 0.875
_FEWEST_CHANNELS = 2
_LEVELS = 8


class ChannelPruner:
    """Which channels of a model can be removed, in which order, and the model without them.

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
    >>> from compsel.inputs.samples import ArraySamples
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
        self.editable = give_biases(fold(edit_graph(model)))
        self._shapes = sample_shapes(self.editable, feeds_of(model, samples.value(0)))
        self._nodes = {node.name: node for node in self.editable.graph.node}
        self._weights = constants(self.editable.graph)
        self.coupling: ChannelCoupling = trace(self.editable, self._shapes)
        self._orders: dict[str, EliminationOrder] = {}
        self._readers: dict[str, ChannelReaders] = {}
        groups = [group for group in self.coupling.groups if len(group.channels) >= _FEWEST_CHANNELS]
        self._samples = samples
        # a group that no layer reads (it is produced and added to others) has no loss
        self.groups: dict[str, ChannelGroup] = {group.name: group for group in groups if self._reading(group)}
        if not self.groups:
            raise NotApplicableError(f"channel-prune: {model.name!r} has no channels that can be removed")

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the groups of channels, in the order of the graph."""
        return tuple(self.groups)

    def measure(self, layers: Iterable[str]) -> None:
        """Measure, in one go, what the readers of these groups read; others are measured, alone, when needed."""
        missing = {layer.node for name in layers for layer in self._reading(self.groups[name])} - self._readers.keys()
        new = {layer.node: layer for layer in self.coupling.layers if layer.node in missing}
        runs = {name: _run_length(layer.inputs) for name, layer in new.items()}
        sizes = {name: (len(layer.inputs) // runs[name], layer.taps * runs[name]) for name, layer in new.items()}
        feeds = SampleFeeds(self.model, self._samples)
        for names, moments in input_moments(self.editable, sizes, feeds, len(self._samples)):
            inputs = new[names[0]].inputs[:: runs[names[0]]]
            centred = self._nodes[names[0]].op_type != "MatMul"
            readers = ChannelReaders.measured(names, inputs, self._matrix, moments, centred=centred)
            self._readers.update(dict.fromkeys(names, readers))

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

    def largest_saving(self, layer: str) -> int:
        """Return about how many multiply-accumulates go with seven eighths of a group."""
        channels = self.groups[layer].channels
        return self.coupling.macs() - self.coupling.macs([int(c) for c in channels[: int(len(channels) * _MOST_GONE)]])

    def equivalent_weights(self, layer: str, level: int) -> dict[str, np.ndarray]:
        """Return weights and biases with which the graph answers as without the channels of a level.

        The layers that read those channels have weights of zero for them.
        """
        return self._changed(np.array(self.removed(self._counted({layer: level})), np.int64))

    def order(self, group: str) -> EliminationOrder:
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
        editable = self.editable.copy()
        changed = self._changed(np.array(removed, np.int64)) if self._reconstruct else {}
        ranks = {name: len(shape) for name, shape in self._shapes.items()}
        remove_channels(editable, self.coupling, removed, ranks, changed)
        return self.model.with_proto(editable.materialise())

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

    def _matrix(self, name: str) -> np.ndarray:
        """Return the weight of a layer as (outputs, features)."""
        node = self._nodes[name]
        weight = self.editable.array(self._weights[node.input[1]])
        return weight.reshape(len(weight), -1) if output_axis(node) == 0 else weight.T

    def _reading(self, group: ChannelGroup) -> list[CoupledLayer]:
        """Return the layers whose error is a group's loss: those that read it, not through groups of a convolution."""
        layers = [layer for layer in self.coupling.layers if layer.blocks == 1]
        return [layer for layer in layers if np.isin(layer.inputs, group.channels).any()]

    def _eliminate(self, group: ChannelGroup) -> EliminationOrder:
        self.measure([group.name])
        # layers that read the same share their readers
        groups_of_readers = dict.fromkeys(self._readers[layer.node] for layer in self._reading(group))
        parts = [part for readers in groups_of_readers for part in readers.parts(group, self._matrix)]
        order = eliminate(parts, len(group.channels), int(len(group.channels) * _MOST_GONE))
        return_freed_memory()
        return order

    def _changed(self, removed: np.ndarray) -> dict[str, np.ndarray]:
        """Return the weights of the layers that read removed channels: zero for those, the others refitted."""
        changed: dict[str, np.ndarray] = {}
        for readers in dict.fromkeys(self._readers.values()):
            kept = readers.kept(removed)
            if kept.all():
                continue
            moved = readers.compensations(kept) if self._reconstruct else []
            for name in readers.nodes:
                changed.update(self._changed_layer(self._nodes[name], readers, kept, moved))
        for layer in self.coupling.layers:
            if 1 < layer.blocks < len(layer.inputs) and np.isin(layer.inputs, removed).any():
                name = self._nodes[layer.node].input[1]
                weight = self.editable.array(self._weights[name]).copy()
                weight[:, np.isin(layer.inputs[: weight.shape[1]], removed)] = 0  # all blocks lose the same
                changed[name] = weight
        return changed

    def _changed_layer(
        self, node: onnx.NodeProto, readers: ChannelReaders, kept: np.ndarray, moved: list[np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return the weight and the bias of a layer that loses features."""
        weight, changed = self._matrix(node.name), {}
        fitted = readers.refitted(weight, kept, moved) if self._reconstruct else weight * kept
        if readers.centred and self._reconstruct:
            bias = self.editable.array(self._weights[node.input[2]])
            mean = readers.mean.astype(np.float32)
            changed[node.input[2]] = np.asarray(bias + (weight @ mean - fitted @ mean), np.float32)
        shape = tuple(self._weights[node.input[1]].dims)
        changed[node.input[1]] = np.ascontiguousarray(fitted if output_axis(node) == 0 else fitted.T).reshape(shape)
        return changed


def _run_length(channels: np.ndarray) -> int:
    """Return how many neighbours belong to one channel: flattened maps have as many as the map has places."""
    edges = np.flatnonzero(np.diff(channels)) + 1
    return int(np.gcd.reduce(np.diff([0, *edges, len(channels)])))
