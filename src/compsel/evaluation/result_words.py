"""Figures in words, as sentences about results say them: no figure that says nothing, never "nan"."""

import math

from compsel.profiling.confidence_intervals import Estimate

__all__ = ["POLICIES", "accuracy_words", "ms_words", "points_words", "speed_words", "way_words"]

# what policies are called
POLICIES = {
    "adaptive": "this bundle",
    "current": "your model today",
    "most_accurate": "uncompressed",
    "fastest": "fastest choice",
    "best_static": "best static choice",
    "hindsight_static": "hindsight static",
    "premodel": "premodel (LCTES 2018)",
    "random": "random choices",
    "oracle": "oracle",
}

_FINE = 1.1  # a factor below this needs two decimals


def ms_words(latency_ms: float) -> str:
    """Return a time with three digits.

    >>> ms_words(10.42), ms_words(0.05234), ms_words(5.0), ms_words(12345.6)
    ('10.4 ms', '0.0523 ms', '5 ms', '12.3 s')
    """
    if latency_ms >= 10_000:
        return f"{latency_ms / 1000:.1f} s"
    return f"{latency_ms:.0f} ms" if latency_ms >= 100 else f"{latency_ms:.3g} ms"


def speed_words(speedup: Estimate) -> str:
    """Return how much faster or slower, with the 95 % interval; "as fast" where there is no difference to speak of.

    >>> speed_words(Estimate(2.0, 1.92, 2.04)), speed_words(Estimate(0.5, 0.4, 0.625))
    ('2.0 times as fast, 95 %: 1.9 to 2.0', '2.0 times as slow, 95 %: 1.6 to 2.5')
    >>> speed_words(Estimate(1.0, 1.0, 1.0)), speed_words(Estimate(1.001, 0.96, 1.04))
    ('as fast', 'as fast, 95 %: 0.96 to 1.04')
    """
    value, low, high = speedup.value, speedup.low, speedup.high
    if not all(math.isfinite(figure) and figure > 0 for figure in (value, low, high)):
        return "not compared"
    if round(value, 2) == 1.0:
        return "as fast" if round(low, 2) == round(high, 2) == 1.0 else f"as fast, 95 %: {low:.2f} to {high:.2f}"
    word = "fast"
    if value < 1:
        value, low, high, word = 1 / value, 1 / high, 1 / low, "slow"
    digits = 2 if value < _FINE else 1 if value < 100 else 0
    interval = "" if low == high else f", 95 %: {low:.{digits}f} to {high:.{digits}f}"
    return f"{value:.{digits}f} times as {word}{interval}"


def points_words(accuracy: Estimate) -> str:
    """Return a difference of accuracy in points, with the 95 % interval.

    >>> points_words(Estimate(-0.006, -0.0142, 0.002)), points_words(Estimate(-0.00001, 0.0, 0.0))
    ('-0.6 points, 95 %: -1.4 to +0.2', 'as accurate')
    """
    value, low, high = (round(100 * figure, 1) + 0.0 for figure in (accuracy.value, accuracy.low, accuracy.high))
    if not all(math.isfinite(figure) for figure in (value, low, high)):
        return "accuracy not compared"
    if value == low == high == 0:
        return "as accurate"
    return f"{value:+.1f} points, 95 %: {low:+.1f} to {high:+.1f}"


def accuracy_words(accuracy: float, right_is: str) -> str:
    """Return an accuracy.

    >>> accuracy_words(0.8812, "right")
    '88.1 % right'
    """
    return f"{100 * accuracy:.1f} % {right_is}"


def way_words(way: str) -> str:
    """Return a way through variants.

    >>> way_words("net/int8-static@cpu:2"), way_words("a/none > b/none")
    ('net/int8-static on cpu:2', 'a/none, then b/none')
    """
    return way.replace(" > ", ", then ").replace("@", " on ")
