"""Read torch checkpoints (`.pth`) without torch and without executing what is in them.

Two formats: the old one is a magic number, a version, facts about the machine, the program that describes the
tensors, the order of the storages, and then the storages; the new one is a zip with the program in `data.pkl` and
every storage in a file of its own.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import WeightsError
from compsel.networks.checkpoints.restricted_unpickler import StorageRef, TensorRef, run_opcodes
from compsel.networks.checkpoints.safetensors_file import widen_bfloat16
from compsel.storage.archives import open_archive
from compsel.storage.regular_files import read_regular
from compsel.storage.shapes import element_count
from compsel.storage.sizes import most_tensor_bytes, physical_memory_bytes, size_words

__all__ = ["read_torch_checkpoint"]

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
# where training scripts keep the tensors when they save more than those
_NESTED = ("state_dict", "model", "model_state_dict")


def read_torch_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors by name.

    Raises:
        WeightsError: another format, a damaged file, or one that wants anything but tensors.
    """
    content = read_regular(path, physical_memory_bytes())
    if zipfile.is_zipfile(io.BytesIO(content)):
        return _read_zip(path, content)
    stream = io.BytesIO(content)
    source = str(path)
    if run_opcodes(stream, source) != _MAGIC or run_opcodes(stream, source) != _VERSION:
        raise WeightsError(f"{path}: not a torch checkpoint")
    machine = run_opcodes(stream, source)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise WeightsError(f"{path}: written on a big-endian machine: save it again elsewhere")
    described = _tensors(path, run_opcodes(stream, source), len(content))
    storages = _storages(path, described, run_opcodes(stream, source), content, stream.tell())
    return {name: _view(ref, storages.__getitem__) for name, ref in described.items()}


def _storages(
    path: Path, described: dict[str, TensorRef], keys: Any, content: bytes, position: int
) -> dict[StorageRef, np.ndarray]:
    """Read the storages in the order of their keys: each is its number of elements, then the elements."""
    references = {ref.storage.key: ref.storage for ref in described.values()}
    storages = {}
    for key in keys if isinstance(keys, list) else ():
        storage = references.get(key) if isinstance(key, str) else None
        if storage is None:
            raise WeightsError(f"{path}: has a storage that no tensor uses: save only the tensors")
        count = int.from_bytes(content[position : position + 8], "little", signed=True)
        size = storage.count * _dtype(storage).itemsize
        if count != storage.count or position + 8 + size > len(content):
            raise WeightsError(f"{path}: the numbers are cut off: the file is truncated")
        storages[storage] = np.frombuffer(content, _dtype(storage), storage.count, position + 8)
        position += 8 + size
    if storages.keys() != set(references.values()):
        raise WeightsError(f"{path}: the numbers of some tensors are not in the file: it is damaged")
    return storages


def _read_zip(path: Path, content: bytes) -> dict[str, np.ndarray]:
    try:
        with open_archive(io.BytesIO(content)) as archive:
            return _read_archive(path, archive, len(content))
    except WeightsError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        LookupError,
        EOFError,
        ValueError,
        OSError,
        RuntimeError,
    ) as error:
        raise WeightsError(f"{path}: not a torch checkpoint, or a damaged one: {error}") from error


def _read_archive(path: Path, archive: zipfile.ZipFile, size_bytes: int) -> dict[str, np.ndarray]:
    members = archive.infolist()
    # torch never compresses: what does may be made to fill the memory
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise WeightsError(f"{path}: not a torch checkpoint: it is compressed")
    programs = [member.filename for member in members if member.filename.endswith("/data.pkl")]
    if len(programs) != 1:
        raise WeightsError(f"{path}: not a torch checkpoint: a zip without data.pkl")
    folder = programs[0].removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
        raise WeightsError(f"{path}: written on a big-endian machine: save it again elsewhere")
    described = _tensors(path, run_opcodes(io.BytesIO(archive.read(programs[0])), str(path)), size_bytes)
    known: dict[str, bytes] = {}

    def read(storage: StorageRef) -> np.ndarray:
        if storage.key not in known:
            known[storage.key] = archive.read(f"{folder}data/{storage.key}")
        numbers = known[storage.key]
        if len(numbers) != storage.count * _dtype(storage).itemsize:
            raise WeightsError(f"{path}: storage {storage.key} has another size than its tensor: the file is damaged")
        return np.frombuffer(numbers, _dtype(storage))

    return {name: _view(ref, read) for name, ref in described.items()}


def _tensors(path: Path, content: Any, size_bytes: int) -> dict[str, TensorRef]:
    """Return the tensors of a checkpoint of that size, which may stand one level deeper."""
    for key in _NESTED:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content:
        raise WeightsError(f"{path}: holds no tensors by name")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, TensorRef):
            raise WeightsError(f"{path}: {name!r} is no tensor: save only the tensors")
    # one storage may stand under many names, each a tensor of its own
    held = sum(_checked_bytes(path, name, ref) for name, ref in content.items())
    if held > most_tensor_bytes(size_bytes):
        got, allowed = size_words(held / 1e6), size_words(most_tensor_bytes(size_bytes) / 1e6)
        raise WeightsError(f"{path}: its tensors have {got}, allowed are {allowed} for a file of its size")
    return content


def _checked_bytes(path: Path, name: str, ref: TensorRef) -> int:
    """Return how many bytes a tensor has once it is read."""
    try:
        count = element_count(ref.shape)
    except ValueError as error:
        raise WeightsError(f"{path}: {name}: {error}: the file is damaged") from error
    last = ref.offset + sum((length - 1) * stride for length, stride in zip(ref.shape, ref.strides, strict=True))
    # a stride of 0 would let a few bytes become any amount of memory
    if count > ref.storage.count or (count and last >= ref.storage.count):
        raise WeightsError(f"{path}: {name}: reaches beyond its storage: the file is damaged")
    return count * (4 if ref.storage.dtype == "bf16" else _dtype(ref.storage).itemsize)


def _view(ref: TensorRef, read: Callable[[StorageRef], np.ndarray]) -> np.ndarray:
    numbers = read(ref.storage)
    if 0 in ref.shape:
        view = np.empty(ref.shape, numbers.dtype)
    else:
        strides = tuple(stride * numbers.itemsize for stride in ref.strides)
        view = np.lib.stride_tricks.as_strided(numbers[ref.offset :], ref.shape, strides, writeable=False)
    return widen_bfloat16(view) if ref.storage.dtype == "bf16" else np.ascontiguousarray(view)


def _dtype(storage: StorageRef) -> np.dtype:
    return np.dtype("<u2" if storage.dtype == "bf16" else storage.dtype)
