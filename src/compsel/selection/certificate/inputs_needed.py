"""How many inputs a certificate needs."""

import numpy as np

from compsel.selection.certificate.bounds import binomial_p_value

__all__ = ["inputs_needed", "most_events"]

_POWER = 0.8
_MOST = 1_000_000


def most_events(n: int, rate: float, confidence: float = 0.95) -> int:
    """Return the most events among n samples that still show a rate below this one; -1 where even none does not.

    >>> most_events(298, 0.01), most_events(299, 0.01), most_events(1000, 0.01)
    (-1, 0, 4)
    """
    # beyond the mean nothing is shown
    counts = np.arange(int(n * rate) + 1)
    return int((binomial_p_value(counts, n, rate) <= 1.0 - confidence).sum()) - 1


def inputs_needed(level: float, rate: float, confidence: float = 0.95, power: float = _POWER) -> int | None:
    """Return how many inputs have to judge, for a certificate to be likely.

    Args:
        level: share of inputs to agree on.
        rate: of disagreement, as far as it is known.
        confidence: of the certificate.
        power: how likely it shall be.

    Returns:
        Their number; None where the rate is too near to what is allowed, or above it.

    >>> inputs_needed(0.99, 0.0)
    299
    >>> inputs_needed(0.99, 0.005), inputs_needed(0.99, 0.02)
    (2185, None)
    """
    allowed = 1.0 - level

    def enough(n: int) -> bool:
        most = most_events(n, allowed, confidence)
        return most >= 0 and float(binomial_p_value(most, n, rate)) >= power

    if rate >= allowed:
        return None
    high = 1
    while not enough(high):
        high *= 2
        if high > _MOST:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
