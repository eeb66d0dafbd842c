"""Statistics of tensors: for models that take no image (texts as token numbers, sensor readings, embeddings)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from compsel.errors import InputError
from compsel.features.base import FeatureExtractor
from compsel.specs import TensorSpec

__all__ = ["TensorFeatures"]

_MOMENTS = ("mean", "std", "min", "max")


class TensorFeatures(FeatureExtractor):
    """Statistics of every input of a model.

    For each input: `log2_size` (elements), `length` (along the second axis, which is that of sequences in a batch, or
    the only one), `filled` (elements that are not zero: the true length of a padded sequence, or of an attention
    mask), and of numbers the mean, standard deviation, least and greatest. NaN for what an input has not: moments of
    texts, of nothing, or of NaN.

    Args:
        inputs: what the model is fed.

    >>> features = TensorFeatures([TensorSpec("tokens", "int64", (None, None))])
    >>> values = features.extract({"tokens": np.array([[7, 9, 2, 0]])})
    >>> {name: round(value, 2) for name, value in zip(features.names, values.tolist())}
    {'tokens.log2_size': 2.0, 'tokens.length': 4.0, 'tokens.filled': 3.0, 'tokens.mean': 4.5, 'tokens.std': 3.64,
     'tokens.min': 0.0, 'tokens.max': 9.0}
    """

    def __init__(self, inputs: Sequence[TensorSpec]) -> None:
        self.inputs = tuple(inputs)
        self.names = tuple(
            f"{spec.name}.{what}" for spec in self.inputs for what in ("log2_size", "length", "filled", *_MOMENTS)
        )

    def _extract(self, x: Any) -> np.ndarray:
        if not isinstance(x, Mapping) or not x.keys() >= {spec.name for spec in self.inputs}:
            got = sorted(x) if isinstance(x, Mapping) else type(x).__name__
            raise InputError(f"got {got}, allowed are tensors by name: {[spec.name for spec in self.inputs]}")
        values = [number for spec in self.inputs for number in _describe(np.asarray(x[spec.name]))]
        return np.array(values, np.float64).astype(np.float32)


def _describe(tensor: np.ndarray) -> tuple[float, ...]:
    size = math.log2(tensor.size) if tensor.size else math.nan
    length = float(tensor.shape[min(1, tensor.ndim - 1)]) if tensor.ndim else 1.0
    counts = (size, length, float(np.count_nonzero(tensor)))
    if tensor.dtype.kind not in "fiub" or tensor.size == 0:
        return (*counts, *(math.nan for _ in _MOMENTS))
    # half precision overflows in sums and squares
    numbers = tensor.astype(np.float64, copy=False)
    moments = (numbers.mean(), numbers.std(), numbers.min(), numbers.max())
    return (*counts, *(float(moment) if math.isfinite(moment) else math.nan for moment in moments))
