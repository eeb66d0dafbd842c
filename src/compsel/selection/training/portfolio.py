"""From many variants keep the few that complement each other.

Greedy forward selection, as algorithm 1 of LCTES 2018, but on the objective itself and out of fold: the variant is
added with which the cascade costs least on samples that it was not trained on. What each one adds is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from compsel.selection.cascade.decision_graph import Cascade
from compsel.selection.cascade.fitting import fit_cascade
from compsel.selection.dataset import SelectionDataset
from compsel.selection.training.folds import assign_folds

__all__ = ["Addition", "OutOfFold", "choose_portfolio", "complementary", "contenders"]

_LEAST_GAIN = 0.005  # of the cost so far: less is noise
_MOST_CANDIDATES = 11
_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Addition:
    """One step of the selection.

    Attributes:
        variant: its name.
        latency_ms: mean per input with it, out of fold.
        quality: mean with it, out of fold.
    """

    variant: str
    latency_ms: float
    quality: float


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where a policy lies: at this penalty it takes so long and is right so often."""

    penalty: float
    latency_ms: float
    quality: float


class OutOfFold:
    """Cascades, each trained without a fold, and what they do on that fold at any penalty.

    Args:
        dataset: samples and variants.
        columns: variants of the policies.
        max_stages: the most variants that may run for one input.
        seed: of the folds.
        extractor: whose features say how easy an input looks; their cost is paid for every input. "": none.
    """

    def __init__(
        self, dataset: SelectionDataset, columns: Sequence[int], max_stages: int, seed: int = 0, extractor: str = ""
    ) -> None:
        self.extractor = extractor
        self.groups = np.arange(len(dataset.targets)) if dataset.groups is None else dataset.groups
        self.names = tuple(dataset.names[column] for column in columns)
        self.costs = dataset.costs_ms[list(columns)]
        fold_of = assign_folds(len(dataset.targets), _FOLDS, dataset.groups, seed)
        self._fold_of = fold_of
        self._features_ms = dataset.features_ms.get(extractor, 0.0) if extractor else 0.0
        self._parts: list[tuple[Cascade, SelectionDataset]] = []
        for fold in range(_FOLDS):
            training = dataset.take(np.flatnonzero(fold_of != fold)).among(columns)
            policy = fit_cascade(
                training.names,
                training.evidence,
                training.targets,
                max_stages=max_stages,
                seed=seed,
                groups=training.groups,
                features=(extractor, training.features[extractor]) if extractor else None,
            )
            self._parts.append((policy, dataset.take(np.flatnonzero(fold_of == fold)).among(columns)))

    def at(self, penalty: float, allowed: Sequence[int] | None = None) -> OperatingPoint:
        """Return the point at a penalty, with only some of the variants allowed to run."""
        costs = self.costs
        if allowed is not None:
            costs = np.full(len(self.costs), np.inf)
            costs[list(allowed)] = self.costs[list(allowed)]
        latency, right = self._outcomes(penalty, costs)
        return OperatingPoint(penalty, float(latency.mean()), float(right.mean()))

    def gain(self, other: "OutOfFold", penalty: float) -> tuple[float, float]:
        """Return how much less than another policy this one costs at a penalty (ms), and the error of that figure."""
        (mine, my_right), (latency, right) = (one._outcomes(penalty, one.costs) for one in (self, other))
        gains = latency - mine + penalty * (my_right - right)
        # samples of one group are not independent
        sums = np.bincount(self.groups, gains - gains.mean())
        return float(gains.mean()), float(np.sqrt((sums**2).sum()) / len(gains))

    def _outcomes(self, penalty: float, costs: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Return latency (n,), and 1 where the answer is right, in the order of the samples."""
        latency, right = np.empty(len(self._fold_of)), np.empty(len(self._fold_of))
        for fold, (policy, test) in enumerate(self._parts):
            features = test.features[self.extractor] if self.extractor else None
            walk = policy.walk(policy.plan(costs, penalty), test.evidence, features)
            latency[self._fold_of == fold] = walk.ran @ self.costs + self._features_ms
            right[self._fold_of == fold] = walk.classes == test.targets
        return latency, right

    def best(self, penalties: Sequence[float], floor: float | None, error_cost: float) -> OperatingPoint:
        """Return the least penalty that meets the floor, else the most accurate point; without a floor, by cost.

        Args:
            penalties: to try.
            floor: least quality, or None.
            error_cost: of a wrong answer.
        """
        points = [self.at(penalty) for penalty in sorted(penalties)]
        if floor is None:
            return min(points, key=lambda point: rank(point, None, error_cost))
        # quality rises with the penalty: a point that is better than dearer ones was lucky
        smoothed = _isotonic([point.quality for point in points])
        good = [point for point, quality in zip(points, smoothed, strict=True) if quality >= floor - 1e-9]
        return good[0] if good else points[smoothed.index(max(smoothed))]


def rank(point: OperatingPoint, floor: float | None, error_cost: float) -> tuple[float, float]:
    """Return what is minimised: how much quality is missing, then latency (or cost, without a floor)."""
    if floor is None:
        return 0.0, point.latency_ms + error_cost * (1.0 - point.quality)
    return max(0.0, floor - point.quality - 1e-9), point.latency_ms


def choose_portfolio(policies: OutOfFold, error_cost: float, size: int) -> tuple[Addition, ...]:
    """Return at most `size` variants, in the order in which they were added.

    Args:
        policies: over the variants to choose from.
        error_cost: of a wrong answer.
        size: how many at most.
    """
    chosen: list[int] = []
    additions: list[Addition] = []
    cost = np.inf
    while len(chosen) < min(size, len(policies.names)):
        points = {
            number: policies.at(error_cost, [*chosen, number])
            for number in range(len(policies.names))
            if number not in chosen
        }
        number = min(points, key=lambda key: rank(points[key], None, error_cost))
        best = points[number]
        if rank(best, None, error_cost)[1] > cost * (1.0 - _LEAST_GAIN):
            break
        cost = rank(best, None, error_cost)[1]
        chosen.append(number)
        additions.append(Addition(policies.names[number], best.latency_ms, best.quality))
    return tuple(additions)


def complementary(dataset: SelectionDataset, penalty: float, size: int) -> tuple[int, ...]:
    """Return at most `size` variants among which an oracle would cost least (greedy), to choose without stages."""
    cost = dataset.costs(penalty)
    chosen: list[int] = []
    so_far = np.full(len(cost), np.inf)
    while len(chosen) < min(size, cost.shape[1]):
        totals = np.minimum(cost, so_far[:, None]).mean(axis=0)
        best = int(np.argmin(totals))
        if best in chosen or totals[best] > so_far.mean() * (1.0 - _LEAST_GAIN):
            break
        chosen.append(best)
        so_far = np.minimum(so_far, cost[:, best])
    return tuple(chosen)


def contenders(dataset: SelectionDataset) -> list[int]:
    """Return the variants that are worth trying, cheapest first; thinned out where they crowd.

    A variant is out when another one is no dearer and better by more than one standard error of their difference on
    the same samples: a smaller difference says nothing, and a variant that is no better alone may still complement
    others. The most accurate uncompressed variant always stays.
    """
    quality, costs = dataset.quality.mean(axis=0), dataset.costs_ms
    order = np.argsort(costs, kind="stable").tolist()
    kept = [number for place, number in enumerate(order) if not _beaten(dataset, number, order[:place])]
    while len(kept) > _MOST_CANDIDATES:
        ratios = [costs[dearer] / costs[cheaper] for cheaper, dearer in pairwise(kept)]
        place = int(np.argmin(ratios))
        worse = min(kept[place], kept[place + 1], key=lambda number: (quality[number], -costs[number]))
        kept.remove(worse)
    if dataset.most_accurate not in kept:
        kept.append(dataset.most_accurate)
    return kept


def _beaten(dataset: SelectionDataset, number: int, cheaper: Sequence[int]) -> bool:
    gains = dataset.quality[:, list(cheaper)] - dataset.quality[:, [number]]
    errors = gains.std(axis=0) / np.sqrt(len(gains))
    return bool((gains.mean(axis=0) > errors).any())


def _isotonic(values: Sequence[float]) -> list[float]:
    """Return the nearest sequence that never falls (pool adjacent violators; Barlow et al. 1972, section 1.2)."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        block = (value, 1)
        while blocks and blocks[-1][0] >= block[0]:
            before, count = blocks.pop()
            total = count + block[1]
            block = ((before * count + block[0] * block[1]) / total, total)
        blocks.append(block)
    return [mean for mean, count in blocks for _ in range(count)]
