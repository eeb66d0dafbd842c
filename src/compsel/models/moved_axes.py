"""Follow the axes of a tensor through operators that only move its numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from compsel.models.channel_axes import ChannelAxes
from compsel.models.graph_queries import attribute, is_standard

__all__ = ["MovedAxes"]


@dataclass(frozen=True)
class MovedAxes:
    """A view of a stored tensor: which parts of its axes make up each axis of the view.

    Attributes:
        stored_shape: of the tensor.
        sizes: lengths of the parts, in the order of the tensor.
        view: for each axis of the view its parts, slowest first.

    >>> axes = MovedAxes.of((6, 4)).through(onnx.helper.make_node("Transpose", ["w"], ["v"]), [])
    >>> axes.shape, axes.stored(ChannelAxes.make((4, 6), (4, 6), (0,))).axis
    ((4, 6), 1)
    """

    stored_shape: tuple[int, ...]
    sizes: tuple[int, ...]
    view: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> "MovedAxes":
        """Return the tensor as it is."""
        return cls(shape, shape, tuple((axis,) for axis in range(len(shape))))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the view."""
        return tuple(math.prod(self.sizes[part] for part in parts) for parts in self.view)

    def through(self, node: onnx.NodeProto, settings: Sequence[np.ndarray | None]) -> "MovedAxes | None":
        """Return the view behind an operator, None where that is not known.

        Args:
            node: Transpose, Reshape, Squeeze, Unsqueeze, Flatten, or one that leaves numbers where they are.
            settings: its inputs behind the first, None for what is computed.
        """
        rank, shape = len(self.view), self.shape
        if is_standard(node, "Transpose"):
            order = attribute(node, "perm") or range(rank)[::-1]
            return MovedAxes(self.stored_shape, self.sizes, tuple(self.view[axis] for axis in order))
        if is_standard(node, "Flatten"):
            axis = attribute(node, "axis", 1)
            return self._reshaped([math.prod(shape[:axis]), math.prod(shape[axis:])])
        if not is_standard(node, "Reshape", "Squeeze", "Unsqueeze"):
            return self
        given = settings[0] if settings else attribute(node, "axes")
        if given is None:
            return self._reshaped([size for size in shape if size != 1]) if is_standard(node, "Squeeze") else None
        numbers = [int(number) for number in np.ravel(given)]
        if is_standard(node, "Squeeze"):
            gone = {axis % rank for axis in numbers}
            return self._reshaped([size for axis, size in enumerate(shape) if axis not in gone])
        if is_standard(node, "Unsqueeze"):
            sizes, new = iter(shape), {axis % (rank + len(numbers)) for axis in numbers}
            return self._reshaped([1 if axis in new else next(sizes) for axis in range(rank + len(numbers))])
        keep = not attribute(node, "allowzero", 0)
        sizes_ = [shape[axis] if size == 0 and keep else size for axis, size in enumerate(numbers)]
        known = math.prod(size for size in sizes_ if size != -1)
        return self._reshaped([math.prod(shape) // max(known, 1) if size == -1 else size for size in sizes_])

    def stored(self, layout: ChannelAxes) -> ChannelAxes | None:
        """Return the layout of the stored tensor for one of the view; None where its axes cannot be told apart."""
        cut = self._reshaped(layout.split)
        if cut is None:
            return None
        channels = [part for axis in layout.channels for part in cut.view[axis]]
        return ChannelAxes.make(self.stored_shape, cut.sizes, channels)

    def _reshaped(self, shape: Sequence[int]) -> "MovedAxes | None":
        """Return the view in another shape; parts are divided where axes are, None where that does not come out."""
        if math.prod(shape) != math.prod(self.shape) or math.prod(shape) == 0:
            return None
        sizes = list(self.sizes)
        order = list(range(len(sizes)))  # parts in the order of the tensor
        pending = [part for parts in self.view for part in parts][::-1]
        view: list[list[int]] = []
        for size in shape:
            parts: list[int] = []
            missing = size
            while missing > 1:
                part = pending.pop()
                if sizes[part] > missing:
                    if sizes[part] % missing:
                        return None
                    rest = len(sizes)
                    sizes.append(sizes[part] // missing)
                    order.insert(order.index(part) + 1, rest)
                    sizes[part] = missing
                    pending.append(rest)
                elif missing % sizes[part]:
                    return None
                parts.append(part)
                missing //= sizes[part]
            view.append(parts)
        place = {part: index for index, part in enumerate(order)}
        return MovedAxes(
            self.stored_shape,
            tuple(sizes[part] for part in order),
            tuple(tuple(place[part] for part in parts) for parts in view),
        )
