"""What the stages that ran say about an input: their most probable classes, fused, and how sure they are together.

The same arithmetic runs when a policy is trained (on a table of samples) and on the device (on one input), so that
both decide alike.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TOP", "Evidence", "Fused", "fuse", "fuse_one", "n_features", "read_evidence", "softmax", "stack_evidence"]

# classes kept of each answer: the rest never wins a weighted mean in practice, and a table stays small
TOP = 10
_SOFT = 1e-4  # keeps log-odds finite; differences beyond it say nothing about being right


@dataclass(frozen=True, slots=True)
class Evidence:
    """The most probable classes of the answers to n inputs.

    Attributes:
        classes: int32 (n, k), most probable first.
        probabilities: float32 (n, k), descending.
        n_classes: how many classes there are.
    """

    classes: NDArray[np.int32]
    probabilities: NDArray[np.float32]
    n_classes: int

    def take(self, rows: NDArray[np.intp]) -> "Evidence":
        """Return the evidence of some of the inputs."""
        return Evidence(self.classes[rows], self.probabilities[rows], self.n_classes)


@dataclass(frozen=True, slots=True)
class Fused:
    """The fused answers of several stages.

    Attributes:
        classes: int (n,), the most probable class.
        features: float64 (n, n_features), what tells whether it is right: see `fuse`.
    """

    classes: NDArray[np.intp]
    features: NDArray[np.float64]


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of logits, over the last axis.

    >>> softmax(np.array([0.0, 0.0], np.float32))
    array([0.5, 0.5], dtype=float32)
    """
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    powers /= powers.sum(axis=-1, keepdims=True)
    return np.asarray(powers, np.float32)


def read_evidence(probabilities: NDArray[np.float32], top: int = TOP) -> Evidence:
    """Return the evidence in the probabilities (n_classes,) of one answer.

    >>> read_evidence(np.array([0.1, 0.7, 0.2], np.float32)).classes
    array([[1, 2, 0]], dtype=int32)
    """
    count = len(probabilities)
    if count > 4 * top:
        some = probabilities.argpartition(count - top)[count - top :]
        some = some[(-probabilities[some]).argsort(kind="stable")]
    else:
        some = (-probabilities).argsort(kind="stable")[:top]
    return Evidence(some.astype(np.int32)[None], probabilities[some][None], count)


def stack_evidence(rows: Sequence[Evidence]) -> Evidence:
    """Return the evidence of several inputs as one table."""
    return Evidence(
        np.concatenate([row.classes for row in rows]),
        np.concatenate([row.probabilities for row in rows]),
        rows[0].n_classes,
    )


def n_features(stages: int) -> int:
    """Number of features that `fuse` gives for so many stages."""
    return 2 if stages == 1 else 5


def fuse(stages: Sequence[Evidence], weights: NDArray[np.float64]) -> Fused:
    """Fuse the evidence of stages by the weighted mean of their probabilities (a linear opinion pool).

    Args:
        stages: what each stage said about the same n inputs.
        weights: (n_stages,), positive; they need not sum to one.

    Returns:
        The fused classes, and as features the log-odds of the fused probability and its log-ratio to the second
        class; with several stages also those two of the heaviest stage alone, and the share of stages that agree.
    """
    if len(stages) == 1:
        stage = stages[0]
        return Fused(stage.classes[:, 0].astype(np.intp), np.stack(_sureness(stage), axis=1))
    weights = weights / weights.sum()
    n = len(stages[0].classes)
    rows = np.arange(n)
    dense = np.zeros((n, max(stage.n_classes for stage in stages)))
    for stage, weight in zip(stages, weights, strict=True):
        # classes of one stage differ, so nothing is added twice to one place
        dense[rows[:, None], stage.classes] += stage.probabilities * weight
    best = dense.argmax(axis=1)
    first = dense[rows, best]
    dense[rows, best] = 0.0
    second = dense.max(axis=1)
    agree = sum((stage.classes[:, 0] == best for stage in stages), np.zeros(n)) / len(stages)
    heavy = _sureness(stages[int(weights.argmax())])
    return Fused(best, np.stack([_log_odds(first), _log_ratio(first, second), *heavy, agree], axis=1))


def fuse_one(stages: Sequence[Evidence], weights: Sequence[float]) -> tuple[int, list[float]]:
    """Fuse the evidence of one input: `fuse` without arrays, for the hot path of an app.

    Args:
        stages: each of one row.
        weights: that sum to one.

    Returns:
        The fused class, and the features of `fuse`.
    """
    rows = [(stage.classes[0].tolist(), stage.probabilities[0].tolist()) for stage in stages]
    if len(rows) == 1:
        classes, probabilities = rows[0]
        return classes[0], _sureness_of(probabilities)
    mass: dict[int, float] = {}
    for (classes, probabilities), weight in zip(rows, weights, strict=True):
        for one, probability in zip(classes, probabilities, strict=True):
            mass[one] = mass.get(one, 0.0) + probability * weight
    first = max(mass.values())
    best = min(one for one, value in mass.items() if value == first)
    second = max((value for one, value in mass.items() if one != best), default=0.0)
    agree = sum(classes[0] == best for classes, _ in rows) / len(rows)
    heavy = rows[max(range(len(rows)), key=weights.__getitem__)][1]
    return best, [*_sureness_of([first, second]), *_sureness_of(heavy), agree]


def _sureness_of(probabilities: Sequence[float]) -> list[float]:
    first, second = probabilities[0], probabilities[1] if len(probabilities) > 1 else 0.0
    return [math.log((first + _SOFT) / (1.0 - first + _SOFT)), math.log((first + _SOFT) / (second + _SOFT))]


def _sureness(stage: Evidence) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    probabilities = stage.probabilities[:, :2].astype(np.float64)
    first = probabilities[:, 0]
    second = probabilities[:, 1] if probabilities.shape[1] > 1 else np.zeros_like(first)
    return _log_odds(first), _log_ratio(first, second)


def _log_odds(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log((probability + _SOFT) / (1.0 - probability + _SOFT)))


def _log_ratio(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log((first + _SOFT) / (second + _SOFT)))
