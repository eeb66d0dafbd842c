"""From a histogram of a tensor's values to the range that is quantised: percentile, entropy, squared error.

Values beyond the range saturate; values inside it are rounded to the step that the range implies. A calibration
method weighs the two. Histograms have a fixed number of bins, so memory does not grow with the samples.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["Histogram", "Method", "entropy_range", "mse_range", "percentile_range"]

Method = Literal["minmax", "percentile", "entropy", "mse"]
# of both signs together; TensorRT takes 2048 for the magnitudes
BINS = 4096
# magnitudes on the grid of 8 bits: both signs share them when a tensor has both
_LEVELS_ONE_SIGN, _LEVELS_BOTH_SIGNS = 256, 128
_CANDIDATES = 64
_LEAST_WIDTH = 1e-30  # its inverse must be a float32


@dataclass
class Histogram:
    """Counts of values in equal bins between two given bounds (from a first pass).

    Attributes:
        low, high: the bounds, low <= 0 <= high.
        counts: int64 (bins,).

    >>> histogram = Histogram.empty(0.0, 4.0, bins=4)
    >>> histogram.add(np.array([0.5, 1.5, 1.6, 4.0], np.float32))
    >>> histogram.counts.tolist()
    [1, 2, 0, 1]
    """

    low: float
    high: float
    counts: np.ndarray

    @classmethod
    def empty(cls, low: float, high: float, bins: int = BINS) -> "Histogram":
        """Return a histogram without values; zero is always inside its bounds."""
        return cls(min(low, 0.0), max(high, 0.0), np.zeros(bins, np.int64))

    @property
    def edges(self) -> np.ndarray:
        """Bounds of the bins, float64 (bins + 1,)."""
        return np.linspace(self.low, self.high, len(self.counts) + 1)

    def add(self, values: np.ndarray) -> None:
        """Count values; those beyond the bounds count in the outermost bin."""
        bins = len(self.counts)
        width = (self.high - self.low) / bins
        if width < _LEAST_WIDTH:
            self.counts[0] += values.size
            return
        index = (values.ravel().astype(np.float32, copy=False) - np.float32(self.low)) * np.float32(1.0 / width)
        np.clip(index, 0, bins - 1, out=index)
        self.counts += np.bincount(index.astype(np.int32), minlength=bins)

    def magnitudes(self) -> tuple[np.ndarray, float]:
        """Return the counts by magnitude, int64, in bins from 0 on, and the width of a bin."""
        width = (self.high - self.low) / len(self.counts)
        bins = int(np.ceil(max(-self.low, self.high) / width - 1e-6))
        centres = np.abs(self.edges[:-1] + self.edges[1:]) / 2
        index = np.minimum((centres / width).astype(int), bins - 1)
        return np.bincount(index, weights=self.counts, minlength=bins).astype(np.int64), width


def percentile_range(histogram: Histogram, percentile: float) -> tuple[float, float]:
    """Return the range that holds `percentile` percent of the values.

    What is cut off is shared by both ends; a tensor of one sign is cut at its far end only.
    """
    total = histogram.counts.sum()
    if total == 0 or histogram.high == histogram.low:
        return histogram.low, histogram.high
    outside = 1.0 - percentile / 100.0
    one_sign = histogram.low == 0.0 or histogram.high == 0.0
    tail = total * (outside if one_sign else outside / 2)
    edges = histogram.edges
    below = np.concatenate([[0.0], np.cumsum(histogram.counts)])
    low = 0.0 if histogram.low == 0.0 else float(edges[np.searchsorted(below, tail, side="right") - 1])
    high = 0.0 if histogram.high == 0.0 else float(edges[np.searchsorted(below, total - tail, side="left")])
    return min(low, 0.0), max(high, 0.0)


def entropy_range(histogram: Histogram) -> tuple[float, float]:
    """Return the range whose quantised distribution diverges least from the measured one.

    Minimises the Kullback-Leibler divergence between the values, saturated at a threshold, and the same values on
    the 8-bit grid, over thresholds (Migacz 2017, "8-bit Inference with TensorRT", slides 34 to 38).
    """
    if histogram.counts.sum() == 0 or histogram.high == histogram.low:
        return histogram.low, histogram.high
    both_signs = histogram.low < 0.0 < histogram.high
    levels = _LEVELS_BOTH_SIGNS if both_signs else _LEVELS_ONE_SIGN
    counts, width = histogram.magnitudes()
    # exact zeros (after a ReLU most values are) are exact on every grid and would hide the rest
    counts[0] = counts[1] if len(counts) > 1 else counts[0]
    candidates = range(len(counts), levels - 1, -max(1, len(counts) // _CANDIDATES))
    best = min(candidates, key=lambda size: _divergence(counts, size, levels))
    return _limit(histogram, best * width)


def mse_range(histogram: Histogram) -> tuple[float, float]:
    """Return the range with the least expected squared error of 255 steps, both ends shrunk alike.

    (Banner et al. 2019, "Post training 4-bit quantization", section 3, with the distribution that was measured.)
    """
    if histogram.counts.sum() == 0 or histogram.high == histogram.low:
        return histogram.low, histogram.high
    edges = histogram.edges
    centres = (edges[:-1] + edges[1:]) / 2
    largest = max(-histogram.low, histogram.high)
    best, best_error = (histogram.low, histogram.high), np.inf
    for share in np.arange(_CANDIDATES, 0, -1) / _CANDIDATES:
        low, high = _limit(histogram, share * largest)
        step = (high - low) / 255
        saturated = np.clip(centres, low, high) - centres
        # inside, rounding is uniform over a step
        inside = (centres >= low) & (centres <= high)
        error = float((histogram.counts * (saturated**2 + inside * step**2 / 12)).sum())
        if error < best_error:
            best, best_error = (low, high), error
    return best


def _limit(histogram: Histogram, threshold: float) -> tuple[float, float]:
    return float(max(histogram.low, -threshold)), float(min(histogram.high, threshold))


def _divergence(counts: np.ndarray, size: int, levels: int) -> float:
    """Kullback-Leibler divergence of the first `size` bins (the rest saturated into the last) from `levels` steps."""
    inside = counts[:size]
    reference = inside.astype(np.float64)
    reference[-1] += counts[size:].sum()
    # the bins of one step share its mass equally, among those of them that hold any
    step = np.arange(size) * levels // size
    mass = np.bincount(step, weights=inside, minlength=levels)
    filled = np.bincount(step, weights=inside > 0, minlength=levels)
    share = np.divide(mass, filled, out=np.zeros(levels), where=filled > 0)
    quantised = np.where(inside > 0, share[step], 0.0)
    reference_total, quantised_total = reference.sum(), quantised.sum()
    if reference_total == 0 or quantised_total == 0:
        return float("inf")
    p, q = reference / reference_total, quantised / quantised_total
    seen = p > 0
    # saturated mass in a bin that was empty before has no counterpart: a tiny one keeps the divergence finite
    return float(np.sum(p[seen] * np.log(p[seen] / np.maximum(q[seen], 1e-12))))
