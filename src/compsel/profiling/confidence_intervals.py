"""Figures with their 95 % confidence intervals, and whether a share is more than chance."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Estimate", "above_chance", "binomial_tail", "bootstrap_mean", "bootstrap_sums", "normal_mean"]

_DRAWS = 1000
_CHUNK = 1_000_000  # drawn samples that are in memory at once
_SIGNIFICANCE = 0.01


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % confidence interval.

    >>> f"{Estimate(0.5, 0.25, 0.75):.1%}"
    '50.0% (25.0%..75.0%)'
    """

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        return f"{self.value:{spec}} ({self.low:{spec}}..{self.high:{spec}})"


def normal_mean(values: ArrayLike) -> Estimate:
    """Return the mean of samples (n,) and its confidence interval, that of a normal distribution.

    >>> normal_mean([4.0])
    Estimate(value=4.0, low=4.0, high=4.0)
    """
    array = np.asarray(values, np.float64)
    mean = float(array.mean())
    half_width = 1.96 * float(array.std(ddof=1)) / len(array) ** 0.5 if len(array) > 1 else 0.0
    return Estimate(mean, mean - half_width, mean + half_width)


def bootstrap_mean(values: ArrayLike, seed: int = 0) -> Estimate:
    """Return the mean of samples (n,) and its confidence interval: percentiles of 1000 bootstrap means (Efron 1979).

    >>> bootstrap_mean([1.0, 1.0, 1.0])
    Estimate(value=1.0, low=1.0, high=1.0)
    """
    array = np.asarray(values, np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(array), (_DRAWS, len(array)))
    low, high = np.quantile(array[drawn].mean(axis=1), [0.025, 0.975])
    return Estimate(float(array.mean()), float(low), float(high))


def bootstrap_sums(
    values: ArrayLike, groups: ArrayLike | None = None, draws: int = 2000, seed: int = 0
) -> NDArray[np.float64]:
    """Return sums (draws, k) of rows of `values` (n, k), drawn with replacement, n a draw (Efron 1979).

    The columns of a row are drawn together, so that figures made of these sums are paired.

    Args:
        values: (n, k).
        groups: (n,), samples of one group are drawn together, for they are not independent; None: each by itself.
        draws: how many.
        seed: of the draws.

    >>> bootstrap_sums([[1.0, 2.0], [1.0, 2.0]], draws=2).tolist()
    [[2.0, 4.0], [2.0, 4.0]]
    """
    rows = np.asarray(values, np.float64)
    if groups is not None:
        members = np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
        rows = np.stack([np.bincount(members, column) for column in rows.T], axis=1)
    n = len(rows)
    generator = np.random.default_rng(seed)
    sums = np.empty((draws, rows.shape[1]))
    step = max(1, _CHUNK // n)
    for start in range(0, draws, step):
        drawn = generator.integers(0, n, (min(step, draws - start), n))
        places = drawn + n * np.arange(len(drawn))[:, None]
        counts = np.bincount(places.ravel(), minlength=drawn.size).reshape(drawn.shape)
        sums[start : start + len(drawn)] = counts @ rows
    return sums


def binomial_tail(right: int, n: int, chance: float) -> float:
    """Return how probable `right` or more of n are, where each is with probability `chance`.

    >>> binomial_tail(2, n=2, chance=0.5), binomial_tail(0, n=5, chance=0.1), binomial_tail(1, n=5, chance=0.0)
    (0.25, 1.0, 0.0)
    """
    if right <= 0:
        return 1.0
    if not 0 < chance < 1:
        return float(chance >= 1)
    logs = [
        math.lgamma(n + 1)
        - math.lgamma(k + 1)
        - math.lgamma(n - k + 1)
        + k * math.log(chance)
        + (n - k) * math.log1p(-chance)
        for k in range(right, n + 1)
    ]
    return min(1.0, math.fsum(map(math.exp, logs)))


def above_chance(right: int, n: int, classes: int) -> bool:
    """Whether so many right answers of n are more than guessing gives (one-sided binomial test at 1 %).

    >>> above_chance(right=1, n=20, classes=1000), above_chance(right=12, n=20, classes=1000)
    (False, True)
    """
    return right > 1 and binomial_tail(right, n, 1 / classes) < _SIGNIFICANCE
