"""Differences in words: no figure that says nothing, never "nan"."""

import math

from compsel.profiling.confidence_intervals import Estimate

__all__ = ["points_words", "speed_words", "times_words"]

_FINE = 1.1  # a factor below this needs two decimals


def speed_words(speedup: Estimate) -> str:
    """Return how much faster or slower, with the 95 % interval; "as fast" where there is no difference to speak of.

    >>> speed_words(Estimate(2.0, 1.92, 2.04)), speed_words(Estimate(0.5, 0.4, 0.625))
    ('2.0 times as fast, 95 %: 1.9 to 2.0', '2.0 times as slow, 95 %: 1.6 to 2.5')
    >>> speed_words(Estimate(1.0, 1.0, 1.0)), speed_words(Estimate(1.001, 0.96, 1.04))
    ('as fast', 'as fast, 95 %: 0.96 to 1.04')
    """
    return times_words(speedup, "as fast", "as slow")


def times_words(ratio: Estimate, better: str, worse: str) -> str:
    """Return how many times `better`, or `worse`, with the 95 % interval.

    >>> times_words(Estimate(2.0, 1.92, 2.04), "as little energy", "as much energy")
    '2.0 times as little energy, 95 %: 1.9 to 2.0'
    """
    value, low, high = ratio.value, ratio.low, ratio.high
    if not all(math.isfinite(figure) and figure > 0 for figure in (value, low, high)):
        return "not compared"
    if round(value, 2) == 1.0:
        return better if round(low, 2) == round(high, 2) == 1.0 else f"{better}, 95 %: {low:.2f} to {high:.2f}"
    word = better
    if value < 1:
        value, low, high, word = 1 / value, 1 / high, 1 / low, worse
    digits = 2 if value < _FINE else 1 if value < 100 else 0
    interval = "" if low == high else f", 95 %: {low:.{digits}f} to {high:.{digits}f}"
    return f"{value:.{digits}f} times {word}{interval}"


def points_words(accuracy: Estimate, alike: int = 0) -> str:
    """Return a difference of accuracy in points, with the 95 % interval.

    Args:
        accuracy: the difference, as a fraction.
        alike: number of samples, where both are right on the very same ones; else 0.

    >>> points_words(Estimate(-0.006, -0.0142, 0.002)), points_words(Estimate(-0.00001, 0.0, 0.0))
    ('-0.6 points, 95 %: -1.4 to +0.2', 'as accurate')
    >>> points_words(Estimate(0.0, -0.0602, 0.0602), alike=60)
    'no difference seen in 60 samples (at most 6.0 points)'
    """
    value, low, high = (round(100 * figure, 1) + 0.0 for figure in (accuracy.value, accuracy.low, accuracy.high))
    if not all(math.isfinite(figure) for figure in (value, low, high)):
        return "accuracy not compared"
    if alike and high > 0:
        return f"no difference seen in {alike:,} samples (at most {high:.1f} points)"
    if value == low == high == 0:
        return "as accurate"
    return f"{value:+.1f} points, 95 %: {low:+.1f} to {high:+.1f}"
