"""Turn the names and layouts of Keras into those of torch."""

from collections.abc import Callable, Mapping

import numpy as np

__all__ = ["from_keras"]

_KINDS = {
    "kernel": "weight",
    "depthwise_kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def from_keras(arrays: Mapping[str, np.ndarray], layer: Callable[[str], str]) -> dict[str, np.ndarray]:
    """Return the arrays under torch's names and in torch's layout.

    Args:
        arrays: by Keras' names, for example "conv1/kernel"; what is named otherwise stays as it is.
        layer: turns the name of a Keras layer into the name of a torch module.

    >>> from_keras({"conv1/kernel": np.zeros((7, 7, 3, 64))}, lambda name: name)["conv1.weight"].shape
    (64, 3, 7, 7)
    """
    result = {}
    for key, array in arrays.items():
        name, _, kind = key.removesuffix(":0").rpartition("/")
        known = name and kind in _KINDS
        result[f"{layer(name)}.{_KINDS[kind]}" if known else key] = _layout(kind, array) if known else array
    return result


def _layout(kind: str, array: np.ndarray) -> np.ndarray:
    """Turn (height, width, in, out) into (out, in, height, width), and (in, out) into (out, in)."""
    if kind == "depthwise_kernel" and array.ndim == 4:
        return array.transpose(2, 3, 0, 1)
    if kind == "kernel":
        return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
    return array
