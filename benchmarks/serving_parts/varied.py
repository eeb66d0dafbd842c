"""Inputs like a given one."""

from typing import Any

import numpy as np

from compsel.inputs.images.encoded import EncodedImage
from compsel.runtime.runtime import Runtime

__all__ = ["varied"]


def varied(runtime: Runtime, source: Any, count: int) -> list[Any]:
    """Return as many inputs: the given one, and others near it, or of its words."""
    rng = np.random.default_rng(0)
    value = runtime.modality.decode(source)
    if isinstance(value, str):
        words = value.split()
        return [value, *(" ".join(rng.permutation(words)[: rng.integers(1, len(words) + 1)]) for _ in range(count - 1))]
    if isinstance(value, EncodedImage):  # encoded, as an app holds it
        return [source] * count
    if isinstance(value, dict):
        return [value, *({name: _near(tensor, rng) for name, tensor in value.items()} for _ in range(count - 1))]
    return [value, *(_near(value.astype(np.float32), rng).clip(0, 255).astype(np.uint8) for _ in range(count - 1))]


def _near(tensor: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if tensor.dtype.kind != "f":
        return tensor
    return (tensor + rng.normal(0, 0.1 * max(tensor.std(), 1e-3), tensor.shape)).astype(tensor.dtype)
