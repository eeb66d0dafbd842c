"""What choices take at other sizes of input on the new device: as on the old one, in proportion, and a correction.

The whole table is known at the usual size. What an input of another size takes more on the old device, it takes more
here by the same factor as everything else, times one number: by how much faster or slower latency grows with the size
here, measured with a few choices at a second size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compsel.building.porting.inputs import made_up_inputs
from compsel.building.porting.transfer import Cell, smooth
from compsel.errors import InputError, ModelError, ProcessorError
from compsel.profiling.latency import TimedChoice
from compsel.selection.costs.sizes import SizeTables
from compsel.variants.variant import Variant

__all__ = ["SecondSize", "at_sizes", "growth_here"]

Floats = NDArray[np.float64]

_LEAST = 0.1  # of its latency at the usual size: no input is so small that a choice takes less
_NOISE, _PRIOR = 0.07, 0.5  # deviations: of a measured ratio of latencies; of the growth of a device, around 1


@dataclass(frozen=True)
class SecondSize:
    """Some choices that are timed at a second size too, in the first state that any is timed in.

    Attributes:
        old: latencies of the old device.
        size: the measured one that is farthest from the usual one, by ratio: it tells most of how latency grows.
        timed: by cell of the table, the choice at the usual size and at the second one.

    >>> ms = np.ones((3, 1, 1))
    >>> sizes = SizeTables(np.array([5.0, 10.0, 40.0]), 10.0, "tokens", "a", ms, ms)
    >>> SecondSize(sizes, 40.0, {}).growth(ms[:1], ms[:1])
    1.0
    """

    old: SizeTables
    size: float
    timed: dict[Cell, tuple[TimedChoice, TimedChoice]]

    @classmethod
    def planned(
        cls, old: SizeTables, counting: Variant, cells: Sequence[Cell], timed: Sequence[TimedChoice]
    ) -> "SecondSize":
        """Return what to time, of the choices that are timed anyway; nothing where one does not run on such inputs."""
        size = float(old.sizes[np.abs(np.log(old.sizes / old.usual)).argmax()])
        inputs = made_up_inputs(counting, size)
        first = {cell: choice for cell, choice in zip(cells, timed, strict=True) if cell[0] == cells[0][0]}
        try:
            for choice in first.values():
                choice.engine(inputs.values[0])
        except (InputError, ModelError, ProcessorError):
            first = {}
        return cls(old, size, {cell: (one, TimedChoice(one.engine, inputs=inputs)) for cell, one in first.items()})

    def of_state(self, state: int) -> list[TimedChoice]:
        """Return what is timed at the second size in a state, by number."""
        return [choice for cell, (_, choice) in self.timed.items() if cell[0] == state]

    def growth(self, old_ms: Floats, old_usual_ms: Floats) -> float:
        """Return `growth_here`, once the choices were timed.

        Args:
            old_ms: (n_states, n_variants, n_processors) of the old device at the second size.
            old_usual_ms: the same at the usual one.
        """
        ratios = [float(np.mean(two.latencies_ms) / np.mean(one.latencies_ms)) for one, two in self.timed.values()]
        return growth_here([float(old_ms[cell] / old_usual_ms[cell]) for cell in self.timed], ratios)

    def tables(self, of_old: Callable[[float], tuple[Floats, Floats]], new: tuple[Floats, Floats]) -> SizeTables:
        """Return the latencies of the new device, (n_sizes, n_states, n_variants, n_processors), once all is timed.

        Args:
            of_old: gives those of the old device at a size, without the first axis.
            new: those of the new one at the usual size.
        """
        means, p95s = (np.stack(tables) for tables in zip(*map(of_old, self.old.sizes.tolist()), strict=True))
        means, spread = np.stack([smooth(table) for table in means]), p95s / means
        usual = self.old.nearest(self.old.usual)
        growth = self.growth(means[self.old.nearest(self.size)], means[usual])
        mean = at_sizes(means, usual, new[0], growth)
        p95 = mean * spread
        p95[usual] = new[1]
        return replace(self.old, latency_ms=mean, p95_ms=p95)


def growth_here(old: Sequence[float], new: Sequence[float]) -> float:
    """Return how many times as much latency grows with the size as it would in proportion to the old device; 0 or more.

    Least squares around 1: what hardly grew on the old device tells nothing of it.

    Args:
        old: of some choices, latency at the second size over that at the usual one, on the old device.
        new: the same, measured here.

    >>> round(growth_here([11.0, 6.0], [6.0, 3.5]), 2), growth_here([1.0], [1.3])
    (0.51, 1.0)
    """
    before, after = np.asarray(old, np.float64), np.asarray(new, np.float64)
    expected, found = (before - 1) / before, (after - 1) / before
    more = float(expected @ (found - expected)) / (float(expected @ expected) + (_NOISE / _PRIOR) ** 2)
    return max(0.0, 1.0 + more)


def at_sizes(old_ms: Floats, usual: int, new_ms: Floats, growth: float = 1.0) -> Floats:
    """Return the latencies of the new device at all sizes.

    Args:
        old_ms: (n_sizes, ...) of the old device.
        usual: number of the usual size.
        new_ms: (...) of the new device at the usual size.
        growth: see `growth_here`.

    >>> at_sizes(np.array([[2.0], [4.0]]), 0, np.array([3.0])).ravel().tolist()
    [3.0, 6.0]
    """
    more = (old_ms - old_ms[usual]) * (new_ms / old_ms[usual])
    return np.asarray(np.maximum(new_ms + growth * more, _LEAST * new_ms))
