"""How often may something rare happen, given how often it did: exact and betting tests, and the bounds that they give.

All are valid at the number of samples at hand, for any distribution: none rests on a normal approximation, which is
wrong just where it matters here, for events that were seen a handful of times or never.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from compsel.errors import SelectorError

__all__ = [
    "betting_p_value",
    "betting_upper_bound",
    "binomial_p_value",
    "binomial_upper_bound",
    "grouped_p_value",
    "grouped_upper_bound",
]

Floats = npt.NDArray[np.float64]
_BETS = 200
_BISECTIONS = 50


def binomial_p_value(events: npt.ArrayLike, n: int, rate: float) -> Floats:
    """Return the probability of so few events, or fewer, among n independent samples, if each has one at this rate.

    Small values speak against a rate as high as this (exact test; Clopper and Pearson, Biometrika 26(4), 1934).

    Args:
        events: whole numbers (...) from 0 to n.
        n: how many samples.
        rate: from 0 to 1.

    Returns:
        (...), 1 where no sample was seen.

    Raises:
        SelectorError: numbers that cannot be.

    >>> binomial_p_value([0, 3], 299, 0.01).round(3).tolist()
    [0.05, 0.649]
    """
    counts = np.asarray(events, np.int64)
    if n < 0 or (counts < 0).any() or (counts > n).any() or not 0 <= rate <= 1:
        raise SelectorError(
            f"events: got {counts.tolist()} of {n} at a rate of {rate:g}, allowed are counts from 0 to their number, "
            "and a rate from 0 to 1"
        )
    if rate in (0.0, 1.0):
        return np.asarray(np.where(counts == n, 1.0, 1.0 - rate))
    ratios = np.log(np.arange(n, 0, -1)) - np.log(np.arange(1, n + 1)) + np.log(rate) - np.log1p(-rate)
    logs = n * np.log1p(-rate) + np.concatenate(([0.0], np.cumsum(ratios)))
    return np.asarray(np.minimum(np.cumsum(np.exp(logs)), 1.0)[counts])


def binomial_upper_bound(events: int, n: int, confidence: float = 0.95) -> float:
    """Return the highest rate that so few events do not speak against; it is above the true one with this confidence.

    >>> round(binomial_upper_bound(0, 299), 4)
    0.01
    """
    if events >= n:
        return 1.0
    return _highest(lambda rate: float(binomial_p_value(events, n, rate)), events / n, 1.0, confidence)


def betting_p_value(losses: npt.ArrayLike, mean: float, low: float = 0.0, high: float = 1.0) -> float:
    """Return a p-value of "the mean loss is at least so high": small values speak against it.

    A gambler bets in a game that is fair, or worse, if that were so; by Markov's inequality he multiplies what he has
    by 1 / p with a probability of at most p. What he has after all losses is the mean over constant bets (of every
    size that cannot ruin him), so their order does not matter, and rare losses are told from frequent ones by their
    own variance (Waudby-Smith and Ramdas, JRSS-B 86(1), 2024, sections 4 and B; arXiv 2010.09686).

    Args:
        losses: (n,), of independent samples.
        mean: above `low`, and at most `high`.
        low, high: between which every loss lies.

    Raises:
        SelectorError: losses or a mean beyond these.

    >>> rare = np.zeros(500)
    >>> betting_p_value(rare, 0.01) < 0.05 < betting_p_value(rare[:100], 0.01)
    True
    """
    seen = np.asarray(losses, np.float64)
    if not (np.isfinite(seen).all() and (seen >= low).all() and (seen <= high).all() and low < mean <= high):
        raise SelectorError(
            f"losses: got {seen.min(initial=np.inf):g} to {seen.max(initial=-np.inf):g} and a mean of {mean:g}, "
            f"allowed are losses from {low:g} to {high:g}, and a mean above the lower one"
        )
    if mean == high:
        return float(np.all(seen == high))
    values, counts = np.unique(seen, return_counts=True)
    bets = (np.arange(_BETS) + 0.5) / _BETS / (high - mean)
    capital = counts.astype(np.float64) @ np.log1p(bets[None] * (mean - values[:, None]))
    highest = capital.max(initial=0.0)
    return float(min(1.0, np.exp(-highest) / np.mean(np.exp(capital - highest))))


def betting_upper_bound(losses: npt.ArrayLike, confidence: float = 0.95, low: float = 0.0, high: float = 1.0) -> float:
    """Return the highest mean loss that these losses do not speak against; see `betting_p_value`.

    >>> round(betting_upper_bound(np.zeros(500)), 3)
    0.008
    """
    seen = np.asarray(losses, np.float64)
    start = max(float(seen.mean()) if len(seen) else low, low)
    return _highest(lambda mean: betting_p_value(seen, mean, low, high), start, high, confidence)


def grouped_p_value(events: npt.ArrayLike, sizes: npt.ArrayLike, rate: float) -> float:
    """Return a p-value of "events happen at least at this rate", for samples of which only groups are independent.

    The groups are what is drawn, so the events of a group beyond what the rate allows its samples are what is bet on:
    their mean is at least 0 if the rate is at least this high. Groups of one sample each get the exact test.

    Args:
        events: (n_groups,), how many samples of each group have one.
        sizes: (n_groups,), how many samples each group has; none outside is larger.
        rate: above 0, below 1.

    Raises:
        SelectorError: more events than samples.

    >>> bool(np.isclose(grouped_p_value([0] * 299, [1] * 299, 0.01), binomial_p_value(0, 299, 0.01)))
    True
    >>> round(grouped_p_value([0] * 299, [2] * 299, 0.01), 2)
    0.16
    """
    counts, members = np.asarray(events, np.float64), np.asarray(sizes, np.float64)
    if counts.shape != members.shape or (counts > members).any() or (counts < 0).any():
        raise SelectorError("groups: got more events than samples in one, allowed are at most as many")
    largest = members.max(initial=1.0)
    if largest == 1:
        return float(binomial_p_value(int(counts.sum()), len(counts), rate))
    return betting_p_value(counts - rate * members, 0.0, -rate * largest, (1.0 - rate) * largest)


def grouped_upper_bound(events: npt.ArrayLike, sizes: npt.ArrayLike, confidence: float = 0.95) -> float:
    """Return the highest rate that the events in groups do not speak against; see `grouped_p_value`.

    >>> round(grouped_upper_bound([0] * 299, [1] * 299), 3), round(grouped_upper_bound([0] * 299, [2] * 299), 3)
    (0.01, 0.014)
    """
    counts, members = np.asarray(events, np.float64), np.asarray(sizes, np.float64)
    if counts.sum() >= members.sum():
        return 1.0
    start = float(counts.sum() / members.sum())
    return _highest(lambda rate: grouped_p_value(counts, members, rate), start, 1.0, confidence)


def _highest(p_value: Callable[[float], float], low: float, high: float, confidence: float) -> float:
    """Return where a p-value that falls towards `high` reaches 1 - confidence, from above."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if p_value(middle) > 1.0 - confidence else (low, middle)
    return high
