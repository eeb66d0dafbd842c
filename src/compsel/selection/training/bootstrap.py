"""Confidence intervals by the bootstrap (Efron and Tibshirani 1993, chapter 13), of figures that are made of sums."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compsel.profiling.confidence_intervals import bootstrap_sums

__all__ = ["Interval", "bootstrap", "mean_of_first", "ratio_of_sums", "share_of_distance"]

Floats = NDArray[np.float64]
_LOW, _HIGH = 2.5, 97.5


class Interval(NamedTuple):
    """A figure with its 95 % interval.

    >>> Interval(2.0, 1.0, 4.0).for_other_samples()
    Interval(value=2.0, low=0.5857864376269049, high=4.82842712474619)
    """

    value: float
    low: float
    high: float

    def for_other_samples(self) -> "Interval":
        """Return where the figure of as many other samples lies: they vary as much as these do."""
        wider = 2.0**0.5
        return Interval(
            self.value, self.value - wider * (self.value - self.low), self.value + wider * (self.high - self.value)
        )


def bootstrap(
    statistic: Callable[[Floats], Floats],
    columns: Sequence[Floats],
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> Interval:
    """Draw samples with replacement; those of one group are drawn together, for they are not independent.

    Args:
        statistic: of sums over samples (n_columns + 1, n_draws), the last row the number of samples, gives (n_draws,).
        columns: (n,) each, of the same samples.
        groups: (n,), group of each sample; None: each is by itself.
        seed: of the draws.

    Returns:
        The figure of all samples, and its interval; NaN where it is NaN.

    >>> bootstrap(ratio_of_sums, [np.array([4.0, 4.0]), np.array([2.0, 2.0])])
    Interval(value=2.0, low=2.0, high=2.0)
    """
    rows = np.stack([*columns, np.ones(len(columns[0]))], axis=1)
    value = float(statistic(rows.sum(axis=0)[:, None])[0])
    if np.isnan(value):
        # parts of the samples may have a figure where all together have none: an interval of those alone is of nothing
        return Interval(value, value, value)
    drawn = statistic(bootstrap_sums(rows, groups, seed=seed).T)
    low, high = np.percentile(drawn[np.isfinite(drawn)], [_LOW, _HIGH])
    return Interval(value, float(low), float(high))


def ratio_of_sums(sums: Floats) -> Floats:
    """Return the first column's sum over the second's: a speed-up, of two latencies."""
    return np.asarray(sums[0] / sums[1])


def mean_of_first(sums: Floats) -> Floats:
    """Return the mean of the first column, such as a difference of qualities."""
    return np.asarray(sums[0] / sums[-1])


def share_of_distance(sums: Floats) -> Floats:
    """Return (second - first) / (second - third), of ours, static and oracle: the gap closed; NaN without a gap."""
    distance = sums[1] - sums[2]
    found = np.full(distance.shape, np.nan)
    np.divide(sums[1] - sums[0], distance, out=found, where=distance > 0)
    return found
