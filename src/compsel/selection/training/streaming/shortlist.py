"""The few of many variants that complement each other, found exactly on all training samples of a table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from compsel.profiling.stream import ProfileStream
from compsel.progress import SILENT, Reporter
from compsel.selection.training.portfolio import enough_gain
from compsel.selection.training.streaming.parts import TRAINING, part_of
from compsel.selection.training.streaming.rightness import RightRows
from compsel.selection.training.streaming.table_statistics import TableStatistics

__all__ = ["pattern_of", "shortlists"]

Floats = NDArray[np.float64]


# many parameters: the table, what was found on it, and what is chosen by
def shortlists(
    stream: ProfileStream,
    statistics: TableStatistics,
    names: Sequence[str],
    costs: Floats,
    penalties: Sequence[float],
    size: int,
    reporter: Reporter = SILENT,
) -> list[tuple[int, ...]]:
    """Return for each cost of a wrong answer at most `size` variants among which an oracle would cost least (greedy).

    As `compsel.selection.training.portfolio.complementary` finds them in memory. What a further variant saves depends
    on a sample only by which of those so far are right on it: one pass counts these patterns, and on how many samples
    of each every variant is right.

    Args:
        stream: the table.
        statistics: of it.
        names: (n_variants,), of the variants in the statistics.
        costs: (n_variants,), of running each.
        penalties: costs of a wrong answer.
        size: how many variants at most.
        reporter: hears how far it is.

    Raises:
        ProfileError: see `ProfileStream.batches`.
    """
    found = [_Greedy(costs, penalty) for penalty in penalties]
    n, right = int(statistics.n[TRAINING]), statistics.right[TRAINING]
    for one in found:
        one.add(_Counts(np.array([float(n)]), right[None]))
    for step in range(1, min(size, len(costs))):
        growing = [one for one in found if not one.done]
        if not growing:
            break
        label = f"shortlist, variant {step + 1}"
        batches = statistics.rightness.batches(stream, names)
        tracked = reporter.track(batches, label, stream.n_batches(len(names)))
        counts = _counted(tracked, len(names), [one.chosen for one in growing])
        for one, counted in zip(growing, counts, strict=True):
            one.add(counted)
    return [tuple(one.chosen) for one in found]


@dataclass
class _Counts:
    """By which of some variants are right (bits of the row's number): samples, and on how many each variant is right.

    Attributes:
        n: (n_patterns,).
        right: (n_patterns, n_variants).
    """

    n: Floats
    right: Floats


@dataclass
class _Greedy:
    costs: Floats
    penalty: float
    chosen: list[int] = field(default_factory=list)
    so_far: float = np.inf
    done: bool = False

    def add(self, counts: _Counts) -> None:
        """Choose the next variant, or none, where none is worth it."""
        bits = np.arange(len(counts.n))[:, None] >> np.arange(len(self.chosen)) & 1
        ran = self.costs[self.chosen] + self.penalty * (1 - bits)
        least = ran.min(axis=1, initial=np.inf)[:, None]
        right, wrong = np.minimum(self.costs, least), np.minimum(self.costs + self.penalty, least)
        totals = (counts.right * right + (counts.n[:, None] - counts.right) * wrong).sum(axis=0) / counts.n.sum()
        best = int(np.argmin(totals))
        if best in self.chosen or (self.chosen and not enough_gain(float(totals[best]), self.so_far)):
            self.done = True
            return
        self.chosen.append(best)
        self.so_far = float(totals[best])


def _counted(batches: Iterable[RightRows], v: int, chosen: list[list[int]]) -> list[_Counts]:
    counts = [_Counts(np.zeros(2 ** len(some)), np.zeros((2 ** len(some), v))) for some in chosen]
    for batch in batches:
        right = batch.right[part_of(batch.rows)[batch.kept] == TRAINING]
        for some, found in zip(chosen, counts, strict=True):
            patterns = pattern_of(right[:, some])
            is_pattern = (patterns[:, None] == np.arange(len(found.n))).astype(np.float32)
            found.n += is_pattern.sum(axis=0)
            found.right += is_pattern.T @ right
    return counts


def pattern_of(right: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return a number (n,) whose bits say which of some variants (n, n_variants) are right.

    >>> pattern_of(np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], np.float32)).tolist()
    [0, 1, 2]
    """
    return np.asarray((right > 0.5) @ (1 << np.arange(right.shape[1])), np.intp)
