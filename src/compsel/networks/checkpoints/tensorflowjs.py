"""Read TensorFlow.js weights: a `model.json` whose manifest names the shards, and the numbers in those shards."""

import json
import math
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from compsel.errors import WeightsError

__all__ = ["read_tensorflowjs"]

_DTYPES = {"float32": "<f4", "int32": "<i4", "uint8": "u1", "bool": "?"}


def read_tensorflowjs(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors by name.

    Args:
        path: the `model.json`, or the folder that holds it.

    Raises:
        WeightsError: no manifest, a shard outside the folder, missing or with another size than its tensors.
    """
    path = path / "model.json" if path.is_dir() else path
    try:
        groups = json.loads(path.read_text(encoding="utf-8"))["weightsManifest"]
        groups = [([str(name) for name in group["paths"]], list(group["weights"])) for group in groups]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(f"{path}: not the model.json of a TensorFlow.js model: {error}") from error
    tensors: dict[str, np.ndarray] = {}
    for paths, entries in groups:
        data = b"".join(_shard(path, name) for name in paths)
        position = 0
        for entry in entries:
            name, dtype, shape = _checked(path, entry)
            count = math.prod(shape)
            size = count * dtype.itemsize
            if position + size > len(data) or name in tensors:
                raise WeightsError(f"{path}: {name}: its numbers are not in the shards: a file is truncated")
            tensors[name] = np.frombuffer(data, dtype, count, position).reshape(shape)
            position += size
        if position != len(data):
            raise WeightsError(f"{path}: {len(data) - position} bytes of the shards belong to no tensor")
    return tensors


def _shard(path: Path, name: str) -> bytes:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts or "\\" in name:
        raise WeightsError(f"{path}: names the shard {name}, which lies outside its folder")
    try:
        return (path.parent / relative).read_bytes()
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: its shard {name} cannot be read: keep all files of the model together") from error


def _checked(path: Path, entry: Any) -> tuple[str, np.dtype, tuple[int, ...]]:
    try:
        name, dtype, shape = str(entry["name"]), entry["dtype"], tuple(entry["shape"])
    except (KeyError, TypeError) as error:
        raise WeightsError(f"{path}: a tensor without name, dtype or shape") from error
    if dtype not in _DTYPES or "quantization" in entry:
        raise WeightsError(f"{path}: {name}: got {dtype!r} or quantised numbers, allowed are {', '.join(_DTYPES)}")
    if not all(type(length) is int and length >= 0 for length in shape):
        raise WeightsError(f"{path}: {name}: got shape {shape}, allowed are whole numbers from 0")
    return name, np.dtype(_DTYPES[dtype]), shape
