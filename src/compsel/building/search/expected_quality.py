"""Expected quality of a setting on other samples than those it was chosen by (a correction for selection bias)."""

from collections.abc import Iterable

import numpy as np

from compsel.building.search.points import SearchPoint

__all__ = ["deviation", "expected_quality", "loss_rate"]

_NEAR = 1 / 3  # settings that lose more of the quality predict little about those that lose hardly any
_RATES = np.geomspace(1e-3, 1e3, 1201)


def loss_rate(points: Iterable[SearchPoint], baseline: float, samples: int) -> float:
    """Return how fast quality is lost with divergence: quality = baseline x exp(-rate x divergence).

    A hundred samples distinguish qualities by points, and the best of many measured settings was lucky: its measured
    loss is less than its loss on other samples. Divergences have little noise, and one rate fits all settings of a
    technique that lose little: it is found by weighted least squares from all of them together.

    Args:
        points: measured settings.
        baseline: quality of the model itself.
        samples: how many qualities were measured on.

    >>> measured = ("a", 0.80, 0.1), ("b", 0.60, 0.5), ("c", 0.81, 0.2)
    >>> points = [SearchPoint(name, 1, 1, 1, quality, divergence) for name, quality, divergence in measured]
    >>> round(loss_rate(points, 0.81, 100), 2)
    0.44
    """
    if baseline <= 0:
        return 0.0
    near = [(p.divergence, 1 - p.quality / baseline) for p in points if p.quality >= baseline * (1 - _NEAR)]
    if not any(divergence > 0 for divergence, _ in near):
        return 0.0
    divergences, lost = np.array(near).T
    predicted = 1 - np.exp(-np.outer(_RATES, divergences))
    variances = np.square(deviation(predicted, samples))
    misfit = (np.square(lost - predicted) / variances + np.log(variances)).sum(axis=1)
    return float(_RATES[misfit.argmin()])


def expected_quality(point: SearchPoint, baseline: float, rate: float) -> float:
    """Return the quality that a setting of this divergence can be expected to have.

    >>> round(expected_quality(SearchPoint("a", 1, 1, 1, 0.9, 0.1), 0.9, 0.5), 3)
    0.856
    """
    return float(baseline * np.exp(-rate * point.divergence))


def deviation(share: float | np.ndarray, samples: int) -> float | np.ndarray:
    """Return the standard deviation of a share that is counted; where nothing is expected, one can still be wrong.

    >>> round(float(deviation(0.0, 100)), 3)
    0.01
    """
    return np.sqrt((share * (1 - share) + 1 / samples) / samples)
