"""Class scores as probabilities: logits or probabilities of every class, on any axis, or one number for two classes."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.features.fusion import softmax

__all__ = ["class_probabilities", "same_top_rows", "sigmoid", "top_class", "written_as"]

_LEAST = 1e-7  # of one probability: keeps its logit finite


def sigmoid(logit: NDArray[Any]) -> NDArray[np.float64]:
    """Return the probabilities of logits.

    >>> sigmoid(np.array([0.0, -800.0])).tolist()
    [0.5, 0.0]
    """
    wide = np.asarray(logit, np.float64)
    powers = np.exp(-np.abs(wide))
    return np.asarray(np.where(wide >= 0, 1 / (1 + powers), powers / (1 + powers)))


def class_probabilities(output: Any, kind: str) -> NDArray[np.float32] | None:
    """Return the probability (n_classes,) of every class of one answer; None where the output is of several inputs.

    Args:
        output: the first one of an inference: the scores along one axis, of any rank.
        kind: "logits" or "probabilities" of all classes; "logit" or "probability" of the second one of two.

    >>> class_probabilities(np.array([[0.75]], np.float32), "probability")
    array([0.25, 0.75], dtype=float32)
    >>> class_probabilities(np.zeros((1, 2, 1, 1), np.float32), "logits")
    array([0.5, 0.5], dtype=float32)
    """
    array = np.asarray(output)
    if array.ndim != 2 or len(array) != 1:  # the usual shape needs no look at its axes
        if array.ndim and max(array.shape) != array.size:
            return None
        if kind in ("logit", "probability") and array.size != 1:
            return None
    scores = np.asarray(array.reshape(-1), np.float32)
    if kind == "logits":
        return softmax(scores)
    if kind == "probabilities":
        return scores
    second = float(scores[0]) if kind == "probability" else float(sigmoid(scores[0]))
    return np.array([1 - second, second], np.float32)


def top_class(output: Any, kind: str) -> int:
    """Return the most probable class of the first answer in an output; see `class_probabilities`.

    >>> top_class(np.array([[0.2]], np.float32), "probability"), top_class(np.array([[[0.1], [0.9]]]), "logits")
    (0, 1)
    """
    if kind in ("logit", "probability"):
        return int(np.ravel(output)[0] > (0.5 if kind == "probability" else 0.0))
    array = np.asarray(output)
    return int((array[0] if array.ndim > 1 and array[0].size > 1 else array).argmax())


def same_top_rows(scores: Any, reference: Any) -> NDArray[np.bool_] | None:
    """Return for each row of a batch (n, ...) whether its top class is the reference's; None where rows have no scores.

    >>> same_top_rows(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([[0.6, 0.4], [0.3, 0.7]])).tolist()
    [True, False]
    """
    ours, theirs = np.asarray(scores), np.asarray(reference)
    if not ours.ndim or not ours.size:
        return None
    # scores without an axis of the batch, or before it, are of one input
    rows = len(ours) if ours.ndim > 1 and ours[0].size > 1 else 1
    if max(ours.shape) * rows < ours.size:
        return None
    tops = [one.reshape(rows, -1).argmax(axis=1) for one in (ours, theirs)]
    return np.asarray(tops[0] == tops[1])


def written_as(log_probabilities: NDArray[np.float32], output: np.ndarray, kind: str) -> np.ndarray:
    """Return log-probabilities (n_classes,) as a model writes them: in the shape of an output of it, and its kind.

    >>> written_as(np.log(np.array([0.25, 0.75], np.float32)), np.zeros((1, 1), np.float32), "probability")
    array([[0.75]], dtype=float32)
    """
    if kind in ("logit", "probability"):
        second = min(max(math.exp(float(log_probabilities[1])), _LEAST), 1 - _LEAST)
        written = np.array(second if kind == "probability" else math.log(second / (1 - second)))
    else:
        written = np.exp(log_probabilities) if kind == "probabilities" else log_probabilities
    return np.asarray(written, np.float32).reshape(np.shape(output))
