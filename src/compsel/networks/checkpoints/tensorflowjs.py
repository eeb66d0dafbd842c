"""Read TensorFlow.js weights: a `model.json` whose manifest names the shards, and the numbers in those shards."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np

from compsel.errors import WeightsError
from compsel.storage.regular_files import file_size, open_regular
from compsel.storage.shapes import element_count
from compsel.storage.sizes import physical_memory_bytes
from compsel.storage.strict_json import read_json

__all__ = ["read_tensorflowjs"]

_DTYPES = {"float32": "<f4", "int32": "<i4", "uint8": "u1", "bool": "?"}


def read_tensorflowjs(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors by name.

    Args:
        path: the `model.json`, or the folder that holds it.

    Raises:
        WeightsError: no manifest, a shard outside the folder, missing, named twice or with another size than its
            tensors.
    """
    path = path / "model.json" if path.is_dir() else path
    try:
        groups = read_json(path)["weightsManifest"]
        groups = [([str(name) for name in group["paths"]], list(group["weights"])) for group in groups]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path}: not the model.json of a TensorFlow.js model: {error}") from error
    _check_shards(path, [name for paths, _ in groups for name in paths])
    tensors: dict[str, np.ndarray] = {}
    for paths, entries in groups:
        checked = [_checked(path, entry) for entry in entries]
        data = _read_shards(path, paths, sum(count * dtype.itemsize for _, dtype, _, count in checked))
        position = 0
        for name, dtype, shape, count in checked:
            if name in tensors:
                raise WeightsError(f"{path}: names the tensor {name} twice")
            tensors[name] = np.frombuffer(data, dtype, count, position).reshape(shape)
            position += count * dtype.itemsize
    return tensors


def _check_shards(path: Path, names: Sequence[str]) -> None:
    """Refuse shards outside the folder, and those that stand there twice: some bytes would be any amount of numbers."""
    for name in names:
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or "\\" in name:
            raise WeightsError(f"{path}: names the shard {name}, which lies outside its folder")
    different = {str(PurePosixPath(name)) for name in names}
    if len(different) < len(names):
        raise WeightsError(
            f"{path}: names {len(names):,} shards that are {len(different):,}: each may stand there once"
        )


def _read_shards(path: Path, names: Sequence[str], size_bytes: int) -> bytes:
    """Return what shards hold one after the other, which are to be so many bytes."""
    streams: list[BinaryIO] = []
    with ExitStack() as stack:
        for name in names:
            try:
                streams.append(stack.enter_context(open_regular(path.parent / name, physical_memory_bytes())))
            except OSError as error:
                raise WeightsError(
                    f"{path}: its shard {name} cannot be read ({error.strerror}): keep all files of the model together"
                ) from error
        there = sum(map(file_size, streams))
        if there < size_bytes:
            raise WeightsError(
                f"{path}: {size_bytes - there} bytes of its tensors are not in the shards: one is truncated"
            )
        if there > size_bytes:
            raise WeightsError(f"{path}: {there - size_bytes} bytes of the shards belong to no tensor")
        return b"".join(stream.read() for stream in streams)


def _checked(path: Path, entry: Any) -> tuple[str, np.dtype, tuple[int, ...], int]:
    """Return name, element type, shape and number of elements of a tensor."""
    try:
        name, dtype, shape = str(entry["name"]), entry["dtype"], tuple(entry["shape"])
    except (KeyError, TypeError) as error:
        raise WeightsError(f"{path}: a tensor without name, dtype or shape") from error
    if not isinstance(dtype, str) or dtype not in _DTYPES or "quantization" in entry:
        raise WeightsError(f"{path}: {name}: got {dtype!r} or quantised numbers, allowed are {', '.join(_DTYPES)}")
    try:
        return name, np.dtype(_DTYPES[dtype]), shape, element_count(shape)
    except ValueError as error:
        raise WeightsError(f"{path}: {name}: {error}") from error
