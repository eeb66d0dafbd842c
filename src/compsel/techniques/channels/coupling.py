"""Which channels of a graph can only be removed together: residual additions, depthwise filters and others tie them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["ChannelCoupling", "ChannelGroup", "ChannelLayout", "CoupledLayer"]


@dataclass(frozen=True)
class ChannelLayout:
    """Where the channels of a tensor lie.

    Attributes:
        axis: the axis they run along.
        channels: int (length of the axis,), the channel that each position belongs to.

    >>> ChannelLayout(1, np.array([4, 5])).kept({5}).tolist()
    [True, False]
    """

    axis: int
    channels: np.ndarray

    def kept(self, removed: Collection[int]) -> np.ndarray:
        """Return which positions stay, bool (length of the axis,)."""
        return ~np.isin(self.channels, np.fromiter(removed, np.int64))


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that the same layers make, in the same way: any number of them can be removed.

    Attributes:
        name: of the first layer that makes them.
        producers: names of those layers, in the order of the graph.
        channels: int (count,).
    """

    name: str
    producers: tuple[str, ...]
    channels: np.ndarray


@dataclass(frozen=True)
class CoupledLayer:
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
class ChannelCoupling:
    """What can be removed from a graph.

    Attributes:
        layouts: where the channels of each value lie; values with unknown channels are left out.
        groups: what can be removed, in the order of the graph.
        layers: where that saves work.
        channels: number of channels in all, those that must stay included.
    """

    layouts: Mapping[str, ChannelLayout]
    groups: tuple[ChannelGroup, ...]
    layers: tuple[CoupledLayer, ...]
    channels: int

    def macs(self, removed: Collection[int] = ()) -> int:
        """Return the multiply-accumulates of all layers for one sample, without these channels."""
        gone = np.zeros(self.channels, bool)
        gone[np.fromiter(removed, np.int64)] = True
        return sum(layer.macs(gone) for layer in self.layers)
