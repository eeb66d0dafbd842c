"""What counts as right in a table that is read in batches: as `SelectionDataset.from_profile` decides it in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError
from compsel.profiling.stream import ProfileRows, ProfileStream
from compsel.selection.dataset import LEAST_LABELLED

__all__ = ["RightRows", "Rightness"]


@dataclass(frozen=True)
class RightRows:
    """A batch of the samples that count.

    Attributes:
        rows: the batch, as it was read.
        kept: (n,), places in the batch of the samples that count: those with labels, where some have them.
        right: float32 (n, n_variants), how right each variant is on each of them, 0..1.
    """

    rows: ProfileRows
    kept: NDArray[np.intp]
    right: NDArray[np.float32]


@dataclass(frozen=True)
class Rightness:
    """The rule by which answers of one table are right.

    Attributes:
        good_enough: for answers without class scores: the least quality that counts as right; None: for classifiers.
        only_labelled: whether samples without labels are left out.

    >>> Rightness(0.9, False).good_enough
    0.9
    """

    good_enough: float | None
    only_labelled: bool

    @classmethod
    def of(cls, stream: ProfileStream, n_labelled: int) -> "Rightness":
        """Return the rule of a table.

        Args:
            stream: the table.
            n_labelled: how many of its samples have labels.

        Raises:
            ProfileError: next to no labels: agreement with a reference would count, which is judged in memory only.
        """
        criterion = stream.profile.quality_criterion
        if criterion is not None:
            return cls(criterion.good_enough, False)
        some = n_labelled < stream.n_samples and stream.has_evidence
        if some and n_labelled < LEAST_LABELLED:
            raise ProfileError(
                f"{stream.folder}: {n_labelled:,} of {stream.n_samples:,} samples have labels, needed to train on a "
                f"table that does not fit the memory limit are at least {LEAST_LABELLED}: label some, or raise the "
                "limit (--memory-limit-mb)"
            )
        return cls(None, some)

    def batches(
        self, stream: ProfileStream, variants: Sequence[str], features: Sequence[str] = ()
    ) -> Iterator[RightRows]:
        """Read the samples that count, in order.

        Raises:
            ProfileError: see `ProfileStream.batches`.
        """
        for rows in stream.batches(variants, features=features):
            yield self.applied(rows)

    def applied(self, rows: ProfileRows) -> RightRows:
        """Return what counts of a batch."""
        kept = np.flatnonzero(rows.labels >= 0) if self.only_labelled else np.arange(rows.n)
        quality = rows.quality[kept] if self.only_labelled else rows.quality
        if self.good_enough is not None:
            quality = (quality.astype(np.float64) >= self.good_enough).astype(np.float32)
        return RightRows(rows, kept, quality)
