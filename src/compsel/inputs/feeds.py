"""Feeds of a model from the value of a sample."""

from typing import Any

import numpy as np

from compsel.inputs.modalities import modality_of
from compsel.inputs.modality import ModelLike

__all__ = ["feeds_of"]


def feeds_of(model: ModelLike, value: Any) -> dict[str, np.ndarray]:
    """Turn the value of a sample into the feeds of a model, checked.

    Args:
        model: its preprocessing makes the tensors, so the same image fits it at every resolution.
        value: of the model's modality, or tensors by name.

    Raises:
        InputError: an image for a model that takes tensors, or tensors that are not as specified.
    """
    return modality_of(model).feeds(model, value)
