"""Domination among the variants of a model: another one is faster and at least as good.

Compression is not always a gain. A variant is dominated when its latency is above another's for certain (the
confidence intervals do not overlap) and its quality is no higher, or higher by less than one standard error, which is
no evidence; the uncompressed model is considered first. It may still be smaller on disk: what is dominated is the
choice by time and quality.
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Domination", "TradeOffPoint", "dominated"]


@dataclass(frozen=True, slots=True)
class TradeOffPoint:
    """Quality and latency of a variant, to be compared with others of the same model.

    Attributes:
        name: of the variant.
        quality: the same figure for all, over the same samples or against the uncompressed model; higher is better.
        latency: in ms, or relative to the uncompressed model.
        low, high: 95 % confidence interval of `latency`.
        error: standard error of the difference in quality to the uncompressed model.
        original: whether it is the uncompressed model.

    >>> TradeOffPoint("none", quality=0.9, latency=1.0, low=1.0, high=1.0, original=True).beats(
    ...     TradeOffPoint("int8-dynamic", quality=0.8, latency=2.7, low=2.6, high=2.8))
    True
    """

    name: str
    quality: float
    latency: float
    low: float
    high: float
    error: float = 0.0
    original: bool = False

    def beats(self, other: "TradeOffPoint") -> bool:
        """Whether this one is faster for certain, and no worse."""
        return self.high < other.low and self.quality >= other.quality - other.error


@dataclass(frozen=True, slots=True)
class Domination:
    """What dominates a variant.

    Attributes:
        by: its name.
        slower: latency divided by that of `by`.
        worse: quality of `by` minus the variant's.

    >>> str(Domination(by="none", slower=2.72, worse=0.067))
    '2.72 times as slow as none, and 6.7 points worse'
    """

    by: str
    slower: float
    worse: float

    def __str__(self) -> str:
        worse = f"{100 * self.worse:.1f} points worse" if self.worse >= 0.0005 else "no better"
        return f"{self.slower:.2f} times as slow as {self.by}, and {worse}"


def dominated(points: Sequence[TradeOffPoint]) -> dict[str, Domination]:
    """Return, by name, what dominates a variant; those that nothing dominates are not in it.

    The uncompressed model is named where it dominates, else the fastest variant that does.

    >>> original = TradeOffPoint("none", 0.90, 1.0, 1.0, 1.0, original=True)
    >>> dominated([original, TradeOffPoint("int8-dynamic", 0.82, 2.7, 2.6, 2.8)])["int8-dynamic"].by
    'none'
    """
    found = {}
    for point in points:
        better = [other for other in points if other is not point and other.beats(point)]
        if better:
            by = min(better, key=lambda other: (not other.original, other.latency))
            found[point.name] = Domination(by.name, point.latency / by.latency, by.quality - point.quality)
    return found
