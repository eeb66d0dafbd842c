"""How a tensor is cut into output channels: the axes that run over them, groups and directions included."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["ChannelAxes"]


@dataclass(frozen=True)
class ChannelAxes:
    """The output channels of a weight: which of its numbers belong to which.

    Two layouts that cut a tensor in the same way are equal: `make` leaves axes of length one out and puts neighbours
    together.

    Attributes:
        shape: of the tensor.
        split: a shape that the tensor can be reshaped to, every axis of which runs over channels or over what is
            summed up.
        channels: the axes of `split` that run over channels, in the order in which the channels are numbered.

    A transposed convolution of two groups, (inputs, outputs of a group, taps): channel 3 is the second of group 1.

    >>> layout = ChannelAxes.make((4, 2, 3), (2, 2, 2, 3), (0, 2))
    >>> layout.count, layout.axis, layout.rows(np.arange(24).reshape(4, 2, 3))[3].tolist()
    (4, None, [15, 16, 17, 21, 22, 23])
    """

    shape: tuple[int, ...]
    split: tuple[int, ...]
    channels: tuple[int, ...]

    @classmethod
    def make(cls, shape: Sequence[int], split: Sequence[int], channels: Sequence[int]) -> "ChannelAxes":
        """Return the layout of a tensor of that shape; arguments as the attributes."""
        order = [axis for axis in channels if split[axis] != 1]
        sizes: list[int] = []
        kinds: list[int | None] = []  # place of the last axis among the channels
        merged: dict[int, int] = {}  # from that place to the axis put together
        for axis, size in enumerate(split):
            if size == 1:
                continue
            place = order.index(axis) if axis in order else None
            if kinds and (place is None) == (kinds[-1] is None) and place in (None, (kinds[-1] or 0) + 1):
                sizes[-1] *= size
                if place is not None:
                    del merged[place - 1]
                kinds[-1] = place
            else:
                sizes.append(size)
                kinds.append(place)
            if place is not None:
                merged[place] = len(sizes) - 1
        return cls(tuple(shape), tuple(sizes), tuple(merged[place] for place in sorted(merged)))

    @property
    def count(self) -> int:
        """How many channels there are."""
        return math.prod(self.split[axis] for axis in self.channels)

    @property
    def products(self) -> int:
        """How many numbers a channel has."""
        return math.prod(self.shape) // max(self.count, 1)

    @property
    def order(self) -> tuple[int, ...]:
        """The axes of `split`, those of the channels first."""
        return (*self.channels, *(axis for axis in range(len(self.split)) if axis not in self.channels))

    @property
    def is_leading(self) -> bool:
        """Whether the numbers of a channel lie side by side, one channel after the other."""
        return self.order == tuple(range(len(self.split)))

    @property
    def moved(self) -> tuple[int, ...]:
        """Lengths of the axes of `split`, those of the channels first."""
        return tuple(self.split[axis] for axis in self.order)

    @property
    def axis(self) -> int | None:
        """The axis of the tensor that runs over the channels; None where it is not one whole axis."""
        if len(self.channels) != 1:
            return None
        before = math.prod(self.split[: self.channels[0]])
        for axis, size in enumerate(self.shape):
            if size == self.count and math.prod(self.shape[:axis]) == before:
                return axis
        return None

    def rows(self, values: np.ndarray) -> np.ndarray:
        """Return the numbers of each channel, (channels, products); a view where they lie so already."""
        moved = values if self.is_leading else values.reshape(self.split).transpose(self.order)
        return moved.reshape(self.count, self.products)

    def from_rows(self, rows: np.ndarray) -> np.ndarray:
        """Return the tensor of which these are the `rows`."""
        if self.is_leading:
            return rows.reshape(self.shape)
        return rows.reshape(self.moved).transpose(np.argsort(self.order)).reshape(self.shape)

    def factors(self, values: np.ndarray) -> np.ndarray:
        """Return one value a channel, (channels,), in a shape that broadcasts against the tensor."""
        if self.axis is not None or self.count == 1:
            return values.reshape([-1 if axis == self.axis else 1 for axis in range(len(self.shape))])
        return self.from_rows(np.repeat(values[:, None], self.products, axis=1))
