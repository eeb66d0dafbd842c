"""What operating points do on samples that they were not trained on, and what that shows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.selection.certificate.bounds import grouped_p_value, grouped_upper_bound
from compsel.selection.certificate.family import Family
from compsel.selection.certificate.inputs_needed import inputs_needed
from compsel.selection.dataset import SelectionDataset

__all__ = ["JudgedFamily", "judge"]

_DRAWS = 2000
_MOST_TIMES = 100

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class JudgedFamily:
    """What the operating points of a family do on samples that they were not trained on.

    Attributes:
        disagrees: bool (n_points, n), where a point gave another answer than the reference.
        costs: (n_points, n), of its answer.
        escalated: (n_points,), share of the samples that the reference answered.
        groups: (n,), number of the independent group of each sample.

    >>> judged = JudgedFamily(np.zeros((1, 400), bool), np.full((1, 400), 2.0), np.zeros(1), np.arange(400))
    >>> judged.p_values(0.99).round(3).tolist(), judged.speedup(0, 6.0)
    ([0.018], (3.0, 3.0, 3.0))
    """

    disagrees: NDArray[np.bool_]
    costs: Floats
    escalated: Floats
    groups: NDArray[np.intp]

    def p_values(self, level: float) -> Floats:
        """Return for each point (n_points,) a p-value of "it agrees on less than this share"."""
        sizes = np.bincount(self.groups)
        return np.array([grouped_p_value(self._by_group(row), sizes, 1.0 - level) for row in self.disagrees])

    def upper_bound(self, point: int, confidence: float) -> float:
        """Return the highest rate of disagreement that a point's own disagreements do not speak against."""
        return grouped_upper_bound(self._by_group(self.disagrees[point]), np.bincount(self.groups), confidence)

    def speedup(self, point: int, reference_cost: float, seed: int = 0) -> tuple[float, float, float]:
        """Return how many times as fast as the reference a point is, and the 95 % interval over groups of samples."""
        random, n = np.random.default_rng(seed), int(self.groups.max()) + 1
        spent, sizes = np.bincount(self.groups, self.costs[point]), np.bincount(self.groups)
        drawn = random.integers(0, n, (_DRAWS, n))
        low, high = np.quantile(reference_cost * sizes[drawn].sum(axis=1) / spent[drawn].sum(axis=1), [0.025, 0.975])
        return float(reference_cost / self.costs[point].mean()), float(low), float(high)

    def inputs_needed(self, point: int, level: float, confidence: float) -> int | None:
        """Return how many inputs would have to judge, for a point that goes on as here; None: more than can be said.

        Of inputs in groups it is told how many times as many of them would be enough.
        """
        n, n_groups = len(self.groups), int(self.groups.max()) + 1
        if n == n_groups:
            return inputs_needed(level, float(self.disagrees[point].mean()), confidence)
        events, sizes = self._by_group(self.disagrees[point]), np.bincount(self.groups)
        for times in range(1, _MOST_TIMES + 1):
            if grouped_p_value(np.tile(events, times), np.tile(sizes, times), 1.0 - level) <= 1.0 - confidence:
                return times * n
        return None

    def _by_group(self, disagrees: NDArray[np.bool_]) -> Floats:
        return np.bincount(self.groups, disagrees).astype(np.float64)


def judge(family: Family, dataset: SelectionDataset) -> JudgedFamily:
    """Return what every point of a family does on the samples of a dataset of agreement."""
    n, shape = len(dataset.targets), (len(family.points), len(dataset.targets))
    disagrees, costs, escalated = np.zeros(shape, bool), np.zeros(shape), np.zeros(len(family.points))
    for number, point in enumerate(family.points):
        chosen = dataset.among([dataset.names.index(name) for name in point.variants])
        walk = point.walk(chosen)
        disagrees[number], costs[number] = walk.classes != chosen.targets, walk.ran @ chosen.costs_ms
        escalated[number] = walk.ran[:, point.variants.index(family.reference)].mean()
    return JudgedFamily(disagrees, costs, escalated, _numbered(dataset.groups, n))


def _numbered(groups: NDArray[np.intp] | None, n: int) -> NDArray[np.intp]:
    return np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1].ravel()
