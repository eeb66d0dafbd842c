"""How clear decisions are, as log-odds: what several decisions of one answer say together."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["log_odds", "mean_and_least", "row_margins"]

_SMOOTHING = 1e-4  # keeps log-odds finite


def log_odds(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-odds of probabilities, finite.

    >>> log_odds(np.array([0.5])).tolist()
    [0.0]
    """
    return np.asarray(np.log((probabilities + _SMOOTHING) / (1 - probabilities + _SMOOTHING)))


def row_margins(scores: NDArray[np.float64], *, probabilities: bool) -> NDArray[np.float64]:
    """Return how far the best class of each row lies above the second one, as the logarithm of their ratio: (n,).

    Args:
        scores: (n, n_classes).
        probabilities: else logits.

    >>> row_margins(np.array([[2.0, 0.5, 0.0]]), probabilities=False).tolist()
    [1.5]
    """
    logs = np.log(np.maximum(scores, 0) + _SMOOTHING) if probabilities else scores
    if logs.shape[1] < 2:
        return np.zeros(len(logs))
    top = np.partition(logs, -2, axis=1)[:, -2:]
    return np.asarray(np.minimum(top.max(axis=1) - top.min(axis=1), -np.log(_SMOOTHING)))


def mean_and_least(margins: NDArray[np.float64]) -> list[float]:
    """Return the least of some margins, and their mean; 0 for none.

    >>> mean_and_least(np.array([1.0, 3.0]))
    [1.0, 2.0]
    """
    return [float(margins.min()), float(margins.mean())] if margins.size else [0.0, 0.0]
