"""The difference of two accuracies on the same samples, with an interval that is honest where hardly any differ.

Only samples on which one is right and the other wrong tell anything. The shares of those won and lost each have an
interval of Wilson (1927), and the interval of their difference is put together from both ("method of variance
estimates recovery": Zou and Donner, Statistics in Medicine 27, 2008; for paired shares Newcombe, Statistics in Medicine
17, 1998, method 10). A bootstrap has no width where no sample differs; this one then says what n samples exclude.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compsel.profiling.confidence_intervals import Estimate

__all__ = ["paired_accuracy"]

_Z = 1.959964  # standard errors: 95 %, two-sided


def paired_accuracy(differences: NDArray[np.float64], groups: ArrayLike | None = None) -> Estimate:
    """Return the mean difference with its 95 % interval.

    Args:
        differences: (n,), of each sample, from -1 (only the other one is right) to 1 (only ours is).
        groups: (n,), samples of one group are not independent: they count as fewer, as far as they differ alike; where
            no sample differs a group counts as one. None: each by itself.

    >>> found = paired_accuracy(np.zeros(60))
    >>> found.value, round(found.low, 3), round(found.high, 3)
    (0.0, -0.06, 0.06)
    """
    n = _effective(differences, groups)
    won, lost = float(np.maximum(differences, 0.0).mean()), float(np.maximum(-differences, 0.0).mean())
    (won_low, won_high), (lost_low, lost_high) = _wilson(won, n), _wilson(lost, n)
    spread = won * (1.0 - won) * lost * (1.0 - lost)
    correlation = -won * lost / math.sqrt(spread) if spread > 0 else 0.0

    def width(ours: float, theirs: float) -> float:
        return math.sqrt(max(0.0, ours**2 + theirs**2 - 2.0 * correlation * ours * theirs))

    value = won - lost
    low, high = value - width(won - won_low, lost_high - lost), value + width(won_high - won, lost - lost_low)
    return Estimate(value, max(low, -1.0), min(high, 1.0))


def _wilson(share: float, n: float) -> tuple[float, float]:
    """Return the ends of Wilson's interval."""
    z2 = _Z**2
    centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n)
    half = _Z * math.sqrt(share * (1.0 - share) / n + z2 / (4.0 * n**2)) / (1.0 + z2 / n)
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))


def _effective(differences: NDArray[np.float64], groups: ArrayLike | None) -> float:
    """Return how many independent samples tell as much."""
    n = len(differences)
    if groups is None:
        return float(n)
    members = np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    count = float(members.max() + 1)
    centred = differences - differences.mean()
    alone = float((centred**2).sum())
    if alone == 0.0:
        return count
    together = float((np.bincount(members, centred) ** 2).sum())
    return min(float(n), max(1.0, n * alone / together)) if together > 0 else float(n)
