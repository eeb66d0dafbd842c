"""Which channels of a graph can only be removed together: each residual addition, depthwise filter, ... ties some."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx

from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_queries import captured_names, constants, uses

__all__ = ["Coupling", "Group", "Layer", "Layout", "Tracer"]


@dataclass(frozen=True)
class Layout:
    """Where the channels of a tensor lie.

    Attributes:
        axis: the axis they run along.
        channels: int (length of the axis,), the channel that each position belongs to.

    >>> Layout(1, np.array([4, 5])).kept({5}).tolist()
    [True, False]
    """

    axis: int
    channels: np.ndarray

    def kept(self, removed: Collection[int]) -> np.ndarray:
        """Return which positions stay, bool (length of the axis,)."""
        return ~np.isin(self.channels, np.fromiter(removed, np.int64))


@dataclass(frozen=True)
class Group:
    """Channels that the same layers make, in the same way: any number of them can be removed.

    Attributes:
        name: of the first layer that makes them.
        makers: names of those layers, in the order of the graph.
        channels: int (count,).
    """

    name: str
    makers: tuple[str, ...]
    channels: np.ndarray


@dataclass(frozen=True)
class Layer:
    """A layer with multiply-accumulates, and the channels on both its sides.

    Attributes:
        node: its name.
        inputs: channel of each input feature; a channel may stand there several times.
        outputs: channel of each output feature.
        taps: weights that join one input feature with one output feature (the kernel's size).
        positions: how often it is evaluated for one sample.
        blocks: groups of a convolution.
    """

    node: str
    inputs: np.ndarray
    outputs: np.ndarray
    taps: int
    positions: int
    blocks: int = 1

    def macs(self, removed: np.ndarray) -> int:
        """Return the multiply-accumulates for one sample when these channels are gone: bool by channel."""
        count = int((~removed[self.outputs]).sum())
        features = int((~removed[self.inputs]).sum())
        if self.blocks > 1 and self.blocks == len(self.inputs):  # depthwise: each output reads one input
            return count * self.taps * self.positions
        return count * features // self.blocks * self.taps * self.positions


@dataclass(frozen=True)
class Coupling:
    """What can be removed from a graph.

    Attributes:
        layouts: where the channels of each value lie; values that nothing is known about are not in it.
        groups: what can be removed, in the order of the graph.
        layers: where that saves work.
        channels: number of channels in all, those that must stay included.
    """

    layouts: Mapping[str, Layout]
    groups: tuple[Group, ...]
    layers: tuple[Layer, ...]
    channels: int

    def macs(self, removed: Collection[int] = ()) -> int:
        """Return the multiply-accumulates of all layers for one sample, without these channels."""
        gone = np.zeros(self.channels, bool)
        gone[np.fromiter(removed, np.int64)] = True
        return sum(layer.macs(gone) for layer in self.layers)


@dataclass
class Tracer:
    """Follows channels through a graph, node by node; `compsel.techniques.channels.rules` knows the operators.

    Channels are numbers. Two that must go together are joined (union-find); those that must stay are pinned.

    Attributes:
        editable: the graph, in order, constants as initializers.
        shapes: the shape of each value for one sample.
    """

    editable: EditableGraph
    shapes: Mapping[str, tuple[int, ...]]
    layouts: dict[str, Layout] = field(default_factory=dict)
    layers: list[Layer] = field(default_factory=list)
    _parents: list[int] = field(default_factory=list)
    _makers: list[str] = field(default_factory=list)
    _pinned: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.weights = constants(self.editable.graph)
        self.uses = uses(self.editable.graph)

    def trace(self, follow: Callable[["Tracer", onnx.NodeProto], bool]) -> Coupling:
        """Walk over the graph; `follow` returns False for nodes it does not know: what they read must stay."""
        outer = {value.name for value in self.editable.graph.output} | captured_names(self.editable.graph)
        for node in self.editable.graph.node:
            if not follow(self, node):
                self.pin(*node.input)
            self.pin(*(name for name in node.output if name in outer))
        return self._finish()

    def fresh(self, name: str, axis: int, count: int, maker: str, *, pinned: bool = False) -> Layout:
        """Give a value new channels that `maker` makes."""
        first = len(self._parents)
        self._parents.extend(range(first, first + count))
        self._makers.extend([maker] * count)
        self._pinned.extend([pinned] * count)
        self.layouts[name] = Layout(axis, np.arange(first, first + count))
        return self.layouts[name]

    def join(self, first: Sequence[int] | np.ndarray, second: Sequence[int] | np.ndarray) -> None:
        """Tie channels pairwise: they go together or not at all."""
        for one, other in zip(first, second, strict=True):
            low, high = sorted((self._find(int(one)), self._find(int(other))))
            if low != high:
                self._parents[high] = low
                self._pinned[low] = self._pinned[low] or self._pinned[high]

    def pin(self, *names: str) -> None:
        """Say that the channels of these values must stay."""
        for name in names:
            if name in self.layouts:
                for channel in self.layouts[name].channels:
                    self._pinned[self._find(int(channel))] = True

    def _find(self, channel: int) -> int:
        root = channel
        while self._parents[root] != root:
            root = self._parents[root]
        while self._parents[channel] != root:
            self._parents[channel], channel = root, self._parents[channel]
        return root

    def _finish(self) -> Coupling:
        roots = np.array([self._find(channel) for channel in range(len(self._parents))], np.int64)
        order = {node.name: index for index, node in enumerate(self.editable.graph.node)}
        makers: dict[int, set[str]] = {}
        for channel, root in enumerate(roots):
            makers.setdefault(int(root), set()).add(self._makers[channel])
        found: dict[tuple[str, ...], list[int]] = {}
        for root, names in makers.items():
            if not self._pinned[root]:
                found.setdefault(tuple(sorted(names, key=order.__getitem__)), []).append(root)
        groups = (Group(names[0], names, np.array(members)) for names, members in found.items())
        return Coupling(
            layouts={name: Layout(layout.axis, roots[layout.channels]) for name, layout in self.layouts.items()},
            groups=tuple(sorted(_unique(groups), key=lambda group: order[group.name])),
            layers=tuple(
                Layer(
                    layer.node,
                    roots[layer.inputs],
                    roots[layer.outputs],
                    *(layer.taps, layer.positions, layer.blocks),
                )
                for layer in self.layers
            ),
            channels=len(roots),
        )


def _unique(groups: Iterator[Group]) -> Iterator[Group]:
    """Name groups whose first layer is the same apart: a Split after one layer makes such."""
    taken: dict[str, int] = {}
    for group in groups:
        taken[group.name] = taken.get(group.name, 0) + 1
        name = group.name if taken[group.name] == 1 else f"{group.name}#{taken[group.name]}"
        yield Group(name, group.makers, group.channels)
