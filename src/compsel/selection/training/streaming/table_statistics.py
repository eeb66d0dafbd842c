"""Sums over all samples of a table, gathered in one pass: what is exact however many there are."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.profiling.stream import ProfileStream
from compsel.profiling.stream_check import check_alike
from compsel.progress import SILENT, Reporter
from compsel.selection.costs.sizes import bucket_of
from compsel.selection.training.streaming.parts import N_PARTS, part_of
from compsel.selection.training.streaming.rightness import Rightness

__all__ = ["TableStatistics"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TableStatistics:
    """What all samples of a table add up to.

    Attributes:
        n: (n_parts,), samples of each part that count, see `compsel.selection.training.streaming.parts`.
        right: (n_parts, n_variants), on how many each variant is right.
        both_right: (n_parts, n_variants, n_variants), on how many two variants are.
        sizes: by bucket of sizes, how many samples lie there; empty where costs do not depend on sizes.
        rightness: the rule by which they are right.
    """

    n: NDArray[np.int64]
    right: Floats
    both_right: Floats
    sizes: Counter[int]
    rightness: Rightness

    @classmethod
    def gather(
        cls, stream: ProfileStream, names: Sequence[str] | None = None, reporter: Reporter = SILENT
    ) -> "TableStatistics":
        """Read the tables of some variants once, and check that all are of the same samples with the same labels.

        Args:
            stream: the table.
            names: of the variants; None: all.
            reporter: hears how far it is.

        Raises:
            ProfileError: a damaged table, tables of different samples, or too few labels.
        """
        check_alike(stream, reporter)
        names = stream.profile.names if names is None else names
        v = len(names)
        # where labels are missing, those with labels count, if there are enough: both are added up until that is known
        every, labelled = _Sums(v), _Sums(v)
        criterion = stream.profile.quality_criterion
        rule = Rightness(None if criterion is None else criterion.good_enough, False)
        only = Rightness(rule.good_enough, True)
        sizes: Counter[int] = Counter()
        batches = stream.batches(names)
        for rows in reporter.track(batches, "reading all samples", stream.n_batches(v)):
            parts = part_of(rows)
            some = only.applied(rows)
            labelled.add(some.right, parts[some.kept])
            if len(some.kept) < rows.n:
                others = np.flatnonzero(rows.labels < 0)
                every.add(rule.applied(rows).right[others], parts[others])
            if rows.sizes is not None:
                found_sizes, counts = np.unique(rows.sizes, return_counts=True)
                for size, count in zip(found_sizes.tolist(), counts.tolist(), strict=True):
                    sizes[bucket_of(max(size, 1.0))] += count
        rightness = Rightness.of(stream, int(labelled.n.sum()))
        found = labelled if rightness.only_labelled else labelled.plus(every)
        return cls(found.n, found.right, found.both, sizes, rightness)

    def quality(self, *parts: int) -> Floats:
        """Return the mean quality (n_variants,) of every variant, on some parts; of none given, on all."""
        chosen = list(parts) or list(range(N_PARTS))
        return np.asarray(self.right[chosen].sum(axis=0) / max(1, int(self.n[chosen].sum())))

    def beaten(self, number: int, cheaper: list[int], *parts: int) -> bool:
        """Whether a variant is worse than one of others by more than one standard error, on the same samples."""
        chosen = list(parts) or list(range(N_PARTS))
        n, both = int(self.n[chosen].sum()), self.both_right[chosen].sum(axis=0)
        sums, squares = self.right[chosen].sum(axis=0), np.diagonal(both)
        means = (sums[cheaper] - sums[number]) / n
        variances = (squares[cheaper] - 2 * both[cheaper, number] + squares[number]) / n - means**2
        return bool((means > np.sqrt(np.maximum(variances, 0.0) / n)).any())


class _Sums:
    def __init__(self, v: int) -> None:
        self.n = np.zeros(N_PARTS, np.int64)
        self.right, self.both = np.zeros((N_PARTS, v)), np.zeros((N_PARTS, v, v))

    def add(self, right: NDArray[np.float32], parts: NDArray[np.intp]) -> None:
        # a batch has fewer rows than float32 has whole numbers: sums of zeros and ones are exact
        for part in range(N_PARTS):
            mine = right[parts == part]
            self.n[part] += len(mine)
            self.right[part] += mine.sum(axis=0, dtype=np.float64)
            self.both[part] += mine.T @ mine

    def plus(self, other: "_Sums") -> "_Sums":
        found = _Sums(self.right.shape[1])
        found.n, found.right, found.both = self.n + other.n, self.right + other.right, self.both + other.both
        return found
