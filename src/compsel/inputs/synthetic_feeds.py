"""Synthetic feeds for models without samples: seeded noise of fitting types and shapes."""

from collections.abc import Mapping, Sequence

import numpy as np

from compsel.errors import InputError
from compsel.inputs.tensor_specs import TensorSpec

__all__ = ["synthetic_feeds"]

# where a shape leaves an axis open: one element for the batch (the first axis), a few for the others
_OPEN_BATCH, _OPEN_AXIS = 1, 8


def synthetic_feeds(
    inputs: Sequence[TensorSpec], seed: int, lengths: Mapping[str, int] | None = None
) -> dict[str, np.ndarray]:
    """Make feeds for a model without samples: seeded noise, whole numbers 0 and 1, empty texts.

    Zeros and ones are the whole numbers that are most often valid: indices, masks, lengths.

    Args:
        inputs: of the model.
        seed: of the noise.
        lengths: of the open axes behind the first, by input; 8 for inputs that are not in it. An open first axis, the
            batch, has length 1.

    Raises:
        InputError: an input that is no tensor.

    >>> synthetic_feeds([TensorSpec("tokens", "int64", (None, None))], seed=0, lengths={"tokens": 4})["tokens"].shape
    (1, 4)
    """
    rng = np.random.default_rng(seed)
    lengths = lengths or {}
    return {spec.name: _synthetic(spec, rng, lengths.get(spec.name, _OPEN_AXIS)) for spec in inputs}


def _synthetic(spec: TensorSpec, rng: "np.random.Generator", length: int) -> np.ndarray:
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
