"""What the first output of a model is: logits, probabilities, or no class scores."""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from compsel.models.model import Model

__all__ = ["output_kind"]


def output_kind(model: Model, outputs: Iterable[np.ndarray]) -> Literal["logits", "probabilities", "other"]:
    """Say what the first output of a model is, from its shape and from what it gave for one input."""
    first = next(iter(outputs))
    if not isinstance(first, np.ndarray) or first.dtype.kind != "f" or first.ndim != 2:
        return "other"
    if first.shape[0] != 1 or first.shape[1] < 2:
        return "other"
    if (first >= 0).all() and np.allclose(first.sum(axis=1), 1.0, atol=1e-3):
        return "probabilities"
    return "logits"
