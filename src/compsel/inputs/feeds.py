"""From a sample to what a model is fed: tensors by input name."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from compsel.errors import InputError
from compsel.inputs.image_preprocessing import ImagePreprocessing
from compsel.inputs.tensor_specs import TensorSpec, check_feeds

__all__ = ["Fed", "feeds_of", "synthetic_feeds"]

# where a shape leaves an axis open: one element for the batch (the first axis), a few for the others
_OPEN_BATCH, _OPEN_AXIS = 1, 8


class Fed(Protocol):
    """What `feeds_of` needs of a model: `compsel.Model` has it, and so has a loaded variant."""

    @property
    def inputs(self) -> Sequence[TensorSpec]:
        """What must be fed."""

    @property
    def preprocessing(self) -> ImagePreprocessing | None:
        """How an image becomes the model's tensor; None for models that take tensors."""


def feeds_of(model: Fed, value: np.ndarray | Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Turn the value of a sample into the feeds of a model, checked.

    Args:
        model: its preprocessing makes the tensor, so the same image fits it at every resolution.
        value: a uint8 (height, width, 3) RGB image, or the named tensors.

    Raises:
        InputError: an image for a model that takes tensors, or tensors that are not as specified.
    """
    if isinstance(value, Mapping):
        feeds = dict(value)
    elif model.preprocessing is None or len(model.inputs) != 1:
        names = ", ".join(spec.name for spec in model.inputs)
        raise InputError(f"got an image for a model without image preprocessing: give tensors by name ({names})")
    else:
        feeds = {model.inputs[0].name: model.preprocessing.tensor(value)}
    check_feeds(model.inputs, feeds)
    return feeds


def synthetic_feeds(
    inputs: Sequence[TensorSpec], seed: int, lengths: Mapping[str, int] | None = None
) -> dict[str, np.ndarray]:
    """Make feeds for a model without samples: seeded noise, whole numbers 0 and 1, empty texts.

    Zeros and ones are the whole numbers that are most often valid: indices, masks, lengths.

    Args:
        inputs: what the model takes.
        seed: of the noise.
        lengths: by input, how long its open axes are; the others have one element in the first axis and 8 in others.

    Raises:
        InputError: an input that is no tensor.

    >>> synthetic_feeds([TensorSpec("tokens", "int64", (None, None))], seed=0, lengths={"tokens": 4})["tokens"].shape
    (1, 4)
    """
    rng = np.random.default_rng(seed)
    lengths = lengths or {}
    return {spec.name: _synthetic(spec, rng, lengths.get(spec.name, _OPEN_AXIS)) for spec in inputs}


def _synthetic(spec: TensorSpec, rng: np.random.Generator, length: int) -> np.ndarray:
    if spec.dtype == "other":
        raise InputError(f"input {spec.name!r} is a sequence or a map: give samples of it")
    axes = () if spec.shape is None else spec.shape
    shape = tuple(axis if axis is not None else length if index else _OPEN_BATCH for index, axis in enumerate(axes))
    if spec.dtype == "string":
        return np.full(shape, "", dtype=object)
    kind = np.dtype(spec.dtype).kind if spec.dtype != "bfloat16" else "f"
    if kind == "f":
        return rng.standard_normal(shape).astype(spec.dtype)
    return rng.integers(0, 2, shape).astype(spec.dtype)
