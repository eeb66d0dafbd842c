"""Operating points of cascades: what they reach out of fold at each cost of a wrong answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.selection.cascade.decision_graph import Cascade
from compsel.selection.cascade.fitting import fit_cascade
from compsel.selection.dataset import SelectionDataset
from compsel.selection.training.folds import assign_folds
from compsel.selection.training.non_inferiority import QualityFloor

__all__ = ["OperatingPoint", "OutOfFoldCascades"]

_FOLDS = 5


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where a policy lies: at this cost of a wrong answer it takes so long and is right so often.

    Attributes:
        penalty: cost of a wrong answer.
        latency_ms: mean.
        quality: mean.
        missing: how much quality it lacks for the floor of the objective; 0 where it keeps it, or where there is none.

    >>> OperatingPoint(penalty=10.0, latency_ms=2.0, quality=0.9).cost(10.0)
    3.0
    """

    penalty: float
    latency_ms: float
    quality: float
    missing: float = 0.0

    def cost(self, error_cost: float) -> float:
        """Return the mean cost: latency, and the cost of a wrong answer."""
        return self.latency_ms + error_cost * (1.0 - self.quality)


class OutOfFoldCascades:
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
                unlabelled=training.unlabelled,
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

    def gain(self, other: "OutOfFoldCascades", penalty: float) -> tuple[float, float]:
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

    def best(self, penalties: Sequence[float], floor: QualityFloor, error_cost: float) -> OperatingPoint:
        """Return the fastest point that keeps the floor, else the one that lacks least; without a floor, by cost.

        Quality rises with the penalty: a point that is better than dearer ones was lucky, and counts for no more than
        the mean of both (isotonic regression).

        Args:
            penalties: to try.
            floor: what is demanded.
            error_cost: of a wrong answer.
        """
        if not floor.objective.has_floor:
            return min((self.at(penalty) for penalty in penalties), key=lambda point: point.cost(error_cost))
        penalties = sorted(penalties)
        outcomes = [self._outcomes(penalty, self.costs) for penalty in penalties]
        smoothed = _isotonic([float(right.mean()) for _, right in outcomes])
        points = [
            OperatingPoint(penalty, float(latency.mean()), quality, floor.missing(right, quality))
            for penalty, (latency, right), quality in zip(penalties, outcomes, smoothed, strict=True)
        ]
        return min(points, key=lambda point: (point.missing, point.latency_ms))


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
