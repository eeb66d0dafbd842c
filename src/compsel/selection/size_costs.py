"""What variants cost for each sample, where costs depend on the size of the input."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compsel.selection.costs.model import CostModel
from compsel.selection.costs.sizes import bucket_of, size_of

if TYPE_CHECKING:
    from compsel.selection.dataset import Outcome, SelectionDataset

__all__ = ["SizeCosts", "outcome_by_size"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SizeCosts:
    """Costs in the buckets of sizes that samples lie in: those in which a runtime plans.

    Attributes:
        bucket: (n,), row of `costs` of each sample.
        costs: (n_buckets, n_variants), on the cheapest processor of an idle device.

    >>> SizeCosts(np.array([0, 1, 1]), np.array([[1.0], [2.0]])).of_samples.ravel()
    array([1., 2., 2.])
    """

    bucket: NDArray[np.intp]
    costs: Floats

    @classmethod
    def at(cls, sizes: Floats, names: Sequence[str], cost_model: CostModel) -> "SizeCosts":
        """Return the costs of variants for samples of these sizes (n,)."""
        numbers, bucket = np.unique([bucket_of(max(size, 1.0)) for size in sizes.tolist()], return_inverse=True)
        rows = [cost_model.cheapest(names, cost_model.idle, size=size_of(int(number)))[0] for number in numbers]
        return cls(bucket.astype(np.intp), np.stack(rows))

    @property
    def of_samples(self) -> Floats:
        """The costs (n, n_variants) of each sample."""
        return np.asarray(self.costs[self.bucket])

    def take(self, rows: NDArray[np.intp]) -> "SizeCosts":
        """Return those of some of the samples."""
        return SizeCosts(self.bucket[rows], self.costs)

    def among(self, variants: Sequence[int]) -> "SizeCosts":
        """Return those of some of the variants."""
        return SizeCosts(self.bucket, self.costs[:, list(variants)])


def outcome_by_size(dataset: "SelectionDataset", outcome: Callable[["SelectionDataset"], "Outcome"]) -> "Outcome":
    """Return an outcome in which each sample is met at the costs of its size.

    Args:
        dataset: the samples.
        outcome: gives it for samples that all have the same costs, the dataset's.
    """
    from compsel.selection.dataset import Outcome

    by_size = dataset.size_costs
    if by_size is None or not len(by_size.bucket):
        return outcome(dataset)
    rows = [np.flatnonzero(by_size.bucket == number) for number in np.unique(by_size.bucket)]
    parts = [outcome(dataset.at_costs(by_size.costs[by_size.bucket[some[0]]]).take(some)) for some in rows]
    order = np.argsort(np.concatenate(rows))
    return Outcome(
        np.concatenate([part.quality for part in parts])[order],
        np.concatenate([part.latency_ms for part in parts])[order],
        np.concatenate([part.variants for part in parts])[order],
    )
