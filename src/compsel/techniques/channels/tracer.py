"""Follow the channels of a graph from node to node, and find out which of them are coupled."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx

from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_queries import captured_names, constants, uses
from compsel.techniques.channels.coupling import ChannelCoupling, ChannelGroup, ChannelLayout, CoupledLayer

__all__ = ["ChannelTracer"]


@dataclass
class ChannelTracer:
    """Follows channels through a graph, node by node; `compsel.techniques.channels.propagation` knows the operators.

    Channels are numbers. Those that must go together are coupled (union-find); those that must stay are pinned.

    Attributes:
        editable: the graph, in order, constants as initializers.
        shapes: the shape of each value for one sample.
        layouts: where the channels of the values lie that were seen so far.
        layers: the layers that were seen so far.

    >>> node = onnx.NodeProto(name="conv")
    >>> tracer = ChannelTracer(EditableGraph(onnx.ModelProto(graph=onnx.GraphProto(node=[node])), {}), {})
    >>> first, second = tracer.new_channels("x", 1, 2, "conv"), tracer.new_channels("y", 1, 2, "conv")
    >>> tracer.couple(first.channels, second.channels)
    >>> tracer.trace(lambda tracer, node: True).groups[0].channels.tolist()
    [0, 1]
    """

    editable: EditableGraph
    shapes: Mapping[str, tuple[int, ...]]
    layouts: dict[str, ChannelLayout] = field(default_factory=dict)
    layers: list[CoupledLayer] = field(default_factory=list)
    _parents: list[int] = field(default_factory=list)
    _producers: list[str] = field(default_factory=list)
    _pinned: list[bool] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.weights = constants(self.editable.graph)
        self.uses = uses(self.editable.graph)

    def trace(self, follow: Callable[["ChannelTracer", onnx.NodeProto], bool]) -> ChannelCoupling:
        """Walk over the graph; `follow` returns False for unknown nodes: the channels of their inputs are pinned."""
        outer = {value.name for value in self.editable.graph.output} | captured_names(self.editable.graph)
        for node in self.editable.graph.node:
            if not follow(self, node):
                self.pin(*node.input)
            self.pin(*(name for name in node.output if name in outer))
        return self._finish()

    def new_channels(self, name: str, axis: int, count: int, producer: str, *, pinned: bool = False) -> ChannelLayout:
        """Give a value new channels, the outputs of `producer`."""
        first = len(self._parents)
        self._parents.extend(range(first, first + count))
        self._producers.extend([producer] * count)
        self._pinned.extend([pinned] * count)
        self.layouts[name] = ChannelLayout(axis, np.arange(first, first + count))
        return self.layouts[name]

    def couple(self, first: Sequence[int] | np.ndarray, second: Sequence[int] | np.ndarray) -> None:
        """Couple channels pairwise: they go together or not at all."""
        for one, other in zip(first, second, strict=True):
            low, high = sorted((self._find(int(one)), self._find(int(other))))
            if low != high:
                self._parents[high] = low
                self._pinned[low] = self._pinned[low] or self._pinned[high]

    def pin(self, *names: str) -> None:
        """Keep the channels of these values from being removed."""
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

    def _finish(self) -> ChannelCoupling:
        roots = np.array([self._find(channel) for channel in range(len(self._parents))], np.int64)
        order = {node.name: index for index, node in enumerate(self.editable.graph.node)}
        producers: dict[int, set[str]] = {}
        for channel, root in enumerate(roots):
            producers.setdefault(int(root), set()).add(self._producers[channel])
        by_producers: dict[tuple[str, ...], list[int]] = {}
        for root, names in producers.items():
            if not self._pinned[root]:
                by_producers.setdefault(tuple(sorted(names, key=order.__getitem__)), []).append(root)
        groups = (ChannelGroup(names[0], names, np.array(members)) for names, members in by_producers.items())
        return ChannelCoupling(
            layouts={name: ChannelLayout(layout.axis, roots[layout.channels]) for name, layout in self.layouts.items()},
            groups=tuple(sorted(_unique(groups), key=lambda group: order[group.name])),
            layers=tuple(
                replace(layer, inputs=roots[layer.inputs], outputs=roots[layer.outputs]) for layer in self.layers
            ),
            channels=len(roots),
        )


def _unique(groups: Iterator[ChannelGroup]) -> Iterator[ChannelGroup]:
    """Name groups whose first layer is the same apart: a Split after one layer makes such."""
    taken: dict[str, int] = {}
    for group in groups:
        taken[group.name] = taken.get(group.name, 0) + 1
        name = group.name if taken[group.name] == 1 else f"{group.name}#{taken[group.name]}"
        yield ChannelGroup(name, group.producers, group.channels)
