"""Is one policy at most so much less accurate than another, on the same labelled samples? Exact, and tight.

Only samples on which one is right and the other is wrong tell something. The difference of two such counts is bounded
much better by their joint distribution than by anything that only knows a range: at 3 % of such samples a bound by
betting needs more than twice the samples (`tests/selection/certificate/test_paired.py`).
"""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from compsel.errors import SelectorError
from compsel.selection.certificate.bounds import binomial_upper_bound

__all__ = ["paired_inputs_needed", "paired_p_value", "paired_upper_bound"]

Floats = NDArray[np.float64]
_NUISANCES = 60
_BEYOND = 1e-3  # probability that the nuisance lies outside where it is looked for
_BISECTIONS = 20
_SPREADS, _LEAST_BEYOND = 8.0, 20


def paired_p_value(worse: int, better: int, n: int, margin: float) -> float:
    """Return a p-value of "its accuracy is at least so much lower": small values say that it loses less.

    The exact unconditional test with the score statistic (Tango, Statistics in Medicine 17(8), 1998, section 2; Nam,
    Biometrics 53(4), 1997): the largest probability of a result as good as this one, over how often only the policy
    may be right; looked for where that can be for all that the samples say, with what is left out added (Berger and
    Boos, JASA 89(427), 1994).

    Args:
        worse: number of samples on which the policy is wrong and the reference right.
        better: number on which it is the other way round.
        n: number of all samples.
        margin: loss of accuracy, above 0 and below 1.

    Raises:
        SelectorError: counts that cannot be, or another margin.

    >>> round(paired_p_value(20, 25, 1850, 0.01), 4) < 0.05 < round(paired_p_value(3, 3, 200, 0.01), 4)
    True
    """
    if min(worse, better) < 0 or worse + better > n or not 0 < margin < 1:
        raise SelectorError(
            f"paired: got {worse} worse and {better} better of {n} and a margin of {margin:g}, allowed are counts of "
            "at most all samples, and a margin above 0 and below 1"
        )
    low = 1.0 - binomial_upper_bound(n - better, n, 1.0 - _BEYOND / 2)
    high = min(binomial_upper_bound(better, n, 1.0 - _BEYOND / 2), (1.0 - margin) / 2)
    logs = np.concatenate(([0.0], np.cumsum(np.log(np.arange(1, n + 1)))))
    seen = float(_score(np.array(float(worse)), np.array(float(better)), n, margin))
    rates = np.linspace(min(low, high), high, _NUISANCES)
    return min(1.0, _BEYOND + max(_as_good(float(rate), seen, n, margin, logs) for rate in rates))


def paired_upper_bound(worse: int, better: int, n: int, confidence: float = 0.95) -> float:
    """Return the greatest loss of accuracy that the samples do not speak against.

    >>> round(paired_upper_bound(28, 28, 1850), 4)
    0.0068
    """
    low, high = 1e-6, 1.0 - 1e-6
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if paired_p_value(worse, better, n, middle) > 1.0 - confidence else (low, middle)
    return high


def paired_inputs_needed(discordant: float, margin: float, confidence: float = 0.95, power: float = 0.8) -> int:
    """Return about how many labelled samples show that a policy that loses nothing loses less than a margin.

    By the normal approximation, which is good where at least ten samples are discordant.

    Args:
        discordant: share of samples on which one is right and the other is wrong.
        margin: loss of accuracy.
        confidence: of the statement.
        power: how likely it shall be shown.

    >>> paired_inputs_needed(0.03, 0.018), paired_inputs_needed(0.03, 0.01)
    (573, 1855)
    """
    normal = NormalDist()
    return math.ceil((normal.inv_cdf(confidence) + normal.inv_cdf(power)) ** 2 * discordant / margin**2)


def _score(worse: Floats, better: Floats, n: int, margin: float) -> Floats:
    """Return how far the difference lies above the margin, in its standard errors if that were just so."""
    linear = -worse - better + (2 * n - worse + better) * margin
    rate = (np.sqrt(linear**2 + 8 * n * better * margin * (1 - margin)) - linear) / (4 * n)
    return np.asarray((worse - better - n * margin) / np.sqrt(n * (2 * rate + margin * (1 - margin))))


def _as_good(rate: float, seen: float, n: int, margin: float, logs: Floats) -> float:
    """Return how probable a result is that is as good as the one seen, at one rate of being better."""
    shares = (rate + margin, rate, 1.0 - 2.0 * rate - margin)
    spans = [
        np.arange(
            max(0, math.floor(n * share - _SPREADS * math.sqrt(n * share) - _LEAST_BEYOND)),
            min(n, math.ceil(n * share + _SPREADS * math.sqrt(n * share) + _LEAST_BEYOND)) + 1,
        )
        for share in shares[:2]
    ]
    worse, better = np.meshgrid(*spans, indexing="ij")
    rest = n - worse - better
    possible = rest >= 0
    worse, better, rest = worse[possible], better[possible], rest[possible]
    probability = np.full(len(worse), logs[n])
    for counts, share in zip((worse, better, rest), shares, strict=True):
        probability += np.where(counts > 0, counts * math.log(max(share, 1e-300)), 0.0) - logs[counts]
    probability = np.exp(probability)
    good = _score(worse.astype(np.float64), better.astype(np.float64), n, margin) <= seen + 1e-9
    # what lies beyond the table counts as if it were as good
    return float(probability[good].sum() + max(0.0, 1.0 - probability.sum()))
