"""Reliability of confidences: of the answers that are so sure, how many are right.

Bins hold equally many answers (Nguyen and O'Connor, EMNLP 2015); the expected calibration error is their mean
distance, weighted by their sizes (Naeini et al., AAAI 2015); intervals are Wilson's (JASA 1927).
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["reliability"]

_BINS, _LEAST = 10, 20  # bins at most; answers in each, at least
_Z = 1.959964


def reliability(confidence: ArrayLike, right: ArrayLike) -> dict[str, Any] | None:
    """Return the reliability as JSON; None where no answer says how sure it is, or too few do.

    Args:
        confidence: (n,), probability of being right as each answer says it; NaN where it says none.
        right: (n,), whether it was.

    Returns:
        `error`, the expected calibration error, and `bins`, each with `n`, the mean `confidence`, the share that is
        `right` and its 95 % interval `right_95`.

    >>> found = reliability(np.repeat([0.5, 0.9], 20), np.tile([1, 0], 20))
    >>> [(one["n"], one["confidence"], one["right"]) for one in found["bins"]], round(found["error"], 3)
    ([(20, 0.5, 0.5), (20, 0.9, 0.5)], 0.2)
    """
    sure, was_right = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    known = np.isfinite(sure) if len(sure) else np.empty(0, bool)
    n = int(known.sum())
    if n < _LEAST:
        return None
    order = np.argsort(sure[known], kind="stable")
    sure, was_right = sure[known][order], was_right[known][order]
    bins = [_bin(sure[part], was_right[part]) for part in np.array_split(np.arange(n), max(1, min(_BINS, n // _LEAST)))]
    error = sum(one["n"] * abs(one["confidence"] - one["right"]) for one in bins) / n
    return {"error": error, "bins": bins}


def _bin(sure: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    n, share = len(sure), float(right.mean())
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * float(np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n)))
    return {
        "n": n,
        "confidence": float(sure.mean()),
        "right": share,
        "right_95": [max(0.0, middle - half), min(1.0, middle + half)],
    }
