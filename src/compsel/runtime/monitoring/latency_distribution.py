"""Latencies as counts in buckets that grow by a fixed factor: bounded memory, quantiles within a stated error.

It is the histogram behind DDSketch (Masson, Rim, Lee: DDSketch, VLDB 2019).
"""

import math

import numpy as np
from numpy.typing import NDArray

from compsel.values import dataclass

__all__ = ["LatencyDistribution", "LatencySketch"]

# a microsecond to an hour; a quantile is off by at most 1 %
_LEAST_MS, _MOST_MS, _ERROR = 1e-3, 3.6e6, 0.01
_FACTOR = (1 + _ERROR) / (1 - _ERROR)
_LOG = math.log(_FACTOR)
_BUCKETS = 1 + math.ceil(math.log(_MOST_MS / _LEAST_MS) / _LOG)


@dataclass(frozen=True, eq=False)
class LatencyDistribution:
    """Latencies of answers.

    Attributes:
        counts: (n_buckets,) of latencies; bucket i ends at 1 µs times (1.01 / 0.99) to the power of i.
        sum_ms, max_ms: of all.
    """

    counts: NDArray[np.int64]
    sum_ms: float
    max_ms: float

    @property
    def count(self) -> int:
        """Return how many there are."""
        return int(self.counts.sum())

    @property
    def mean_ms(self) -> float:
        """Return their mean; NaN where there are none."""
        return self.sum_ms / self.count if self.count else math.nan

    def quantile(self, share: float) -> float:
        """Return the latency (ms) that a share of them stays below, within 1 %; NaN where there are none."""
        if not self.count:
            return math.nan
        rank = max(1, math.ceil(share * self.count))
        bucket = int(np.searchsorted(self.counts.cumsum(), rank))
        return min(self.max_ms, _LEAST_MS * _FACTOR**bucket * (1 - _ERROR))

    def at_most(self, limit_ms: float) -> int:
        """Return how many took at most so long, to within 1 % of it."""
        return int(self.counts[: _bucket(limit_ms) + 1].sum())

    def to_dict(self) -> dict[str, float | None]:
        """Return the JSON form."""
        figures = {"mean": self.mean_ms, "max": self.max_ms}
        figures |= {f"p{percent}": self.quantile(percent / 100) for percent in (50, 95, 99)}
        return {name: None if math.isnan(value) else value for name, value in figures.items()}


class LatencySketch:
    """Adds latencies up.

    >>> sketch = LatencySketch()
    >>> for latency_ms in range(1, 101):
    ...     sketch.add(latency_ms)
    >>> found = sketch.snapshot()
    >>> found.count, abs(found.quantile(0.5) - 50) <= 1, abs(found.quantile(0.95) - 95) <= 1, found.max_ms
    (100, True, True, 100.0)
    """

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self._sum_ms = self._max_ms = 0.0

    def add(self, latency_ms: float) -> None:
        """Count one; what is no latency, or beyond an hour, counts as the nearest that is."""
        latency_ms = min(float(latency_ms), _MOST_MS) if latency_ms > 0 else 0.0
        self._counts[_bucket(latency_ms)] += 1
        self._sum_ms += latency_ms
        self._max_ms = max(self._max_ms, latency_ms)

    def snapshot(self) -> LatencyDistribution:
        """Return what there is now."""
        return LatencyDistribution(np.array(self._counts, np.int64), self._sum_ms, self._max_ms)


def _bucket(latency_ms: float) -> int:
    if latency_ms <= _LEAST_MS:
        return 0
    return min(_BUCKETS - 1, math.ceil(math.log(latency_ms / _LEAST_MS) / _LOG))
