"""How sure a classifier's answer is: what the output of a cheap variant says about the need of a better one.

These are pure functions of numbers, a few microseconds each: they run after every stage of every inference.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from compsel.errors import InputError

__all__ = ["PROBE_FEATURES", "Evidence", "evidence", "is_probabilities", "probe_features", "softmax"]

Kind = Literal["logits", "probabilities"]

PROBE_FEATURES = (
    "top1",  # probability of the likeliest class
    "margin",  # its distance to that of the second
    "entropy",  # of all classes, in nats
    "log_ratio",  # logarithm of first over second probability: the gap of their logits; at most 50
)
_MOST_LOG_RATIO = 50.0
_LEAST = np.float32(1e-30)
# a logit so far below the greatest has probability 0 in float32; minus infinity is brought up to it
_ZERO_FROM = 200.0
# what rounding to half precision, or a table of 8-bit numbers, does to a sum of probabilities
_SUM_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one output of a classifier says.

    Attributes:
        probabilities: float32 (n_classes,), their sum is 1.
        top: index of the likeliest class.
        features: float32 (n,) in the order of `PROBE_FEATURES`.
    """

    probabilities: np.ndarray
    top: int
    features: np.ndarray


def evidence(output: np.ndarray, kind: Kind | None = None) -> Evidence:
    """Read a classifier's output.

    Args:
        output: (n_classes,), or with axes of length 1 around it: logits or probabilities.
        kind: which of them; None: `is_probabilities` says. Declare it where it is known.

    Returns:
        What it says. An output with NaN says nothing: the features are those of equal probabilities.

    Raises:
        InputError: more than one row, or no class.

    >>> sure = evidence(np.array([[0.0, 9.0, 1.0]], np.float32))
    >>> sure.top, sure.features.round(3).tolist()
    (1, [1.0, 0.999, 0.004, 8.0])
    >>> evidence(np.array([0.5, 0.5], np.float32)).features.round(3).tolist()
    [0.5, 0.0, 0.693, 0.0]
    """
    row = _row(output)
    if kind is None:
        kind = "probabilities" if is_probabilities(row) else "logits"
    if kind == "logits":
        top = int(row.argmax())
        probabilities, entropy = _softmax(row, top)
    else:
        probabilities = _normalised(row)
        top, entropy = int(probabilities.argmax()), _entropy(probabilities)
    return Evidence(probabilities, top, _features(probabilities, top, entropy))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities of logits: float32 (n_classes,).

    Raises:
        InputError: more than one row, or no class.

    >>> softmax(np.array([0.0, math.log(3)])).tolist()
    [0.25, 0.75]
    """
    row = _row(logits)
    return _softmax(row, int(row.argmax()))[0]


def is_probabilities(output: np.ndarray) -> bool:
    """Say whether an output looks like probabilities: none below 0, and a sum of 1.

    >>> is_probabilities(np.array([0.2, 0.8])), is_probabilities(np.array([-1.0, 2.0]))
    (True, False)
    """
    row = output.reshape(-1)
    # argmin and argmax are faster than min and max, and find NaN first
    if row.size == 0 or not row[row.argmin()] >= 0 or row[row.argmax()] > 1 + _SUM_TOLERANCE:
        return False
    return abs(float(row.sum()) - 1.0) <= _SUM_TOLERANCE


def probe_features(probabilities: np.ndarray) -> np.ndarray:
    """Describe how sure probabilities are.

    Args:
        probabilities: float32 (n_classes,), not negative, their sum is 1 (as `softmax` returns them).

    Returns:
        float32 (len(PROBE_FEATURES),), all finite.

    >>> probe_features(np.array([1.0, 0.0], np.float32)).tolist()
    [1.0, 1.0, 0.0, 50.0]
    """
    return _features(probabilities, int(probabilities.argmax()), _entropy(probabilities))


def _features(probabilities: np.ndarray, top: int, entropy: float) -> np.ndarray:
    first = float(probabilities[top])
    rest = probabilities.copy()
    rest[top] = 0.0
    second = float(rest[rest.argmax()])
    ratio = _MOST_LOG_RATIO if second <= 0 else min(_MOST_LOG_RATIO, math.log(first / second))
    return np.array((first, first - second, max(0.0, entropy), ratio), np.float32)


def _entropy(probabilities: np.ndarray) -> float:
    return -float(probabilities.dot(np.log(np.maximum(probabilities, _LEAST))))


def _softmax(row: np.ndarray, top: int) -> tuple[np.ndarray, float]:
    """Return the probabilities of logits and their entropy; `top` is the index of the greatest."""
    largest = float(row[top])
    if not math.isfinite(largest):  # argmax finds NaN first, then infinity
        probabilities = _degenerate(row)
        return probabilities, _entropy(probabilities)
    if largest - float(row[row.argmin()]) > _ZERO_FROM:
        row = np.maximum(row, np.float32(largest - _ZERO_FROM))
    shifted = row - np.float32(largest)
    powers = np.exp(shifted)
    total = float(powers.sum())
    powers /= np.float32(total)
    # log p = shifted - log(total)
    return powers, math.log(total) - float(powers.dot(shifted))


def _row(output: np.ndarray) -> np.ndarray:
    if output.dtype != np.float32:
        with np.errstate(over="ignore"):  # what is beyond float32 is infinite
            output = output.astype(np.float32)
    row = output.reshape(-1)
    if row.size == 0 or (output.ndim > 1 and row.size != max(output.shape)):
        raise InputError(f"a classifier's output: got shape {output.shape}, allowed is one row of classes")
    return row


def _normalised(row: np.ndarray) -> np.ndarray:
    if not row[row.argmin()] >= 0:
        row = np.maximum(row, np.float32(0))  # rounding; NaN stays
    if not math.isfinite(row[row.argmax()]):
        return _degenerate(row)
    total = float(row.sum(dtype=np.float64))
    if total <= 0:
        return np.full(row.size, 1.0 / row.size, np.float32)
    return (row / total).astype(np.float32)


def _degenerate(row: np.ndarray) -> np.ndarray:
    """Infinite values share all probability; with NaN, or nothing but minus infinity, nothing is known."""
    infinite = np.isposinf(row)
    known = infinite if infinite.any() and not np.isnan(row).any() else np.ones(row.size, bool)
    return (known / np.float32(known.sum())).astype(np.float32)
