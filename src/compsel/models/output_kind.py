"""Tell whether the first output of a model is logits, probabilities, or no class scores."""

from collections.abc import Iterable
from typing import Literal

import numpy as np

__all__ = ["output_kind"]

_LEAST_EMBEDDING = 16  # shorter vectors of the length 1 may be class scores by chance


def output_kind(outputs: Iterable[np.ndarray]) -> Literal["logits", "probabilities", "other"]:
    """Classify the first of the outputs for one input, by its shape and its values: vectors of length 1 are no scores.

    >>> output_kind([np.array([[0.25, 0.75]], np.float32)]), output_kind([np.array([[-2.0, 3.0]], np.float32)])
    ('probabilities', 'logits')
    """
    first = next(iter(outputs))
    if not isinstance(first, np.ndarray) or first.dtype.kind != "f" or first.ndim != 2:
        return "other"
    if first.shape[0] != 1 or first.shape[1] < 2:
        return "other"
    if (first >= 0).all() and np.allclose(first.sum(axis=1), 1.0, atol=1e-3):
        return "probabilities"
    if first.shape[1] >= _LEAST_EMBEDDING and abs(float(np.linalg.norm(first.astype(np.float64))) - 1) < 1e-3:
        return "other"
    return "logits"
