"""What a search measured: one point for each setting, and the front of those that no other beats."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["SearchPoint", "pareto_front"]


@dataclass(frozen=True, slots=True)
class SearchPoint:
    """A measured setting.

    Attributes:
        technique: as `compsel.techniques.parse` reads it; "none" is the model itself.
        work_ratio: multiply-accumulates over those of the model.
        latency_ratio: median of the ratios of the latencies, run side by side.
        size_ratio: bytes over those of the model.
        quality: accuracy, or without labels agreement with the model, on samples that nothing was fitted to.
        divergence: see `compsel.techniques.layerwise.output_divergence.OutputDivergence`.

    >>> SearchPoint("none", 1.0, 1.0, 1.0, 0.9, 0.0).beats(SearchPoint("low-rank:0.1", 0.9, 1.1, 1.0, 0.8, 0.2))
    True
    """

    technique: str
    work_ratio: float
    latency_ratio: float
    size_ratio: float
    quality: float
    divergence: float

    def beats(self, other: "SearchPoint") -> bool:
        """Whether it is nowhere worse than another, and somewhere better."""
        mine = (-self.quality, self.latency_ratio, self.size_ratio)
        theirs = (-other.quality, other.latency_ratio, other.size_ratio)
        return all(a <= b for a, b in zip(mine, theirs, strict=True)) and mine != theirs


def pareto_front(points: Iterable[SearchPoint]) -> list[SearchPoint]:
    """Return the points that no other beats in quality, latency and size, the fastest first.

    >>> measured = ("poor", 3, 0), ("slow", 2, 1), ("fast", 1, 1)
    >>> points = [SearchPoint(name, 1, latency, 1, quality, 0) for name, latency, quality in measured]
    >>> [point.technique for point in pareto_front(points)]
    ['fast']
    """
    found = list(points)
    front = [point for point in found if not any(other.beats(point) for other in found)]
    return sorted(front, key=lambda point: (point.latency_ratio, -point.quality))
