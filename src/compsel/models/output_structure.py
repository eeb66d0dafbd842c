"""Outputs of ONNX Runtime as plain arrays: tensors, sequences, maps, and sequences of maps (ZipMap)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["flat_output"]


def flat_output(output: Any) -> list[np.ndarray]:
    """Return what an output holds as arrays, in its order; maps by their keys, keys first.

    >>> flat_output(np.ones(2)), flat_output([np.zeros(1), np.ones(1)])
    ([array([1., 1.])], [array([0.]), array([1.])])
    >>> flat_output([{"cat": 0.25, "dog": 0.75}])
    [array(['cat', 'dog'], dtype='<U3'), array([0.25, 0.75])]
    """
    if isinstance(output, np.ndarray):
        return [output]
    if isinstance(output, Mapping):
        keys = sorted(output, key=str)
        return [np.asarray(keys), *_joined([output[key] for key in keys])]
    if isinstance(output, Sequence) and not isinstance(output, str | bytes):
        return _joined(output)
    return [np.asarray(output)]


def _joined(values: Sequence[Any]) -> list[np.ndarray]:
    """Return the arrays of several values; numbers and texts as one array."""
    if all(np.isscalar(value) for value in values):
        return [np.asarray(values)]
    return [array for value in values for array in flat_output(value)]
