"""Feeds of a model from the value of a sample."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from compsel.inputs.modalities import modality_of
from compsel.inputs.modality import ModelLike

if TYPE_CHECKING:
    from compsel.inputs.samples import Samples

__all__ = ["feeds_of", "first_feeds"]


def feeds_of(model: ModelLike, value: Any) -> dict[str, np.ndarray]:
    """Turn the value of a sample into the feeds of a model, checked.

    Args:
        model: its preprocessing makes the tensors, so the same image fits it at every resolution.
        value: of the model's modality, or tensors by name.

    Raises:
        InputError: an image for a model that takes tensors, or tensors that are not as specified.
    """
    return modality_of(model).feeds(model, value)


def first_feeds(model: ModelLike, samples: "Samples | None") -> Iterator[dict[str, np.ndarray]]:
    """Give the feeds of samples one by one; nothing without samples.

    Raises:
        InputError: a sample that does not fit the model.
    """
    return (feeds_of(model, sample.value) for sample in samples or ())
