"""Means with their 95 % confidence intervals."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Estimate", "above_chance", "bootstrap_mean", "normal_mean"]

_DRAWS = 1000
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


def above_chance(right: int, n: int, classes: int) -> bool:
    """Whether so many right answers of n are more than guessing gives (one-sided binomial test at 1 %).

    >>> above_chance(right=1, n=20, classes=1000), above_chance(right=12, n=20, classes=1000)
    (False, True)
    """
    chance = 1 / classes
    below = sum(math.comb(n, k) * chance**k * (1 - chance) ** (n - k) for k in range(right))
    return right > 1 and 1 - below < _SIGNIFICANCE
