"""Read torch checkpoints (`.pth`) without torch and without executing what is in them.

Two formats: the old one is a magic number, a version, facts about the machine, the program that describes the
tensors, the order of the storages, and then the storages; the new one is a zip with the program in `data.pkl` and
every storage in a file of its own.
"""

import io
import math
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import WeightsError
from compsel.networks.checkpoints.restricted_unpickler import StorageRef, TensorRef, run_opcodes
from compsel.networks.checkpoints.safetensors_file import widen_bfloat16

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
    content = path.read_bytes()
    if zipfile.is_zipfile(io.BytesIO(content)):
        return _read_zip(path, content)
    stream = io.BytesIO(content)
    source = str(path)
    if run_opcodes(stream, source) != _MAGIC or run_opcodes(stream, source) != _VERSION:
        raise WeightsError(f"{path}: not a torch checkpoint")
    machine = run_opcodes(stream, source)
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise WeightsError(f"{path}: written on a big-endian machine: save it again elsewhere")
    described = _tensors(path, run_opcodes(stream, source))
    storages = _storages(path, described, run_opcodes(stream, source), content, stream.tell())
    return {name: _view(path, name, ref, storages.__getitem__) for name, ref in described.items()}


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
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _read_archive(path, archive)
    except WeightsError:
        raise
    except (zipfile.BadZipFile, struct.error, KeyError, EOFError, ValueError, OSError, RuntimeError) as error:
        raise WeightsError(f"{path}: not a torch checkpoint, or a damaged one: {error}") from error


def _read_archive(path: Path, archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
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
    described = _tensors(path, run_opcodes(io.BytesIO(archive.read(programs[0])), str(path)))

    def read(storage: StorageRef) -> np.ndarray:
        numbers = archive.read(f"{folder}data/{storage.key}")
        if len(numbers) != storage.count * _dtype(storage).itemsize:
            raise WeightsError(f"{path}: storage {storage.key} has another size than its tensor: the file is damaged")
        return np.frombuffer(numbers, _dtype(storage))

    return {name: _view(path, name, ref, read) for name, ref in described.items()}


def _tensors(path: Path, content: Any) -> dict[str, TensorRef]:
    """Return the tensors of a checkpoint, which may stand one level deeper."""
    for key in _NESTED:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not content:
        raise WeightsError(f"{path}: holds no tensors by name")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, TensorRef):
            raise WeightsError(f"{path}: {name!r} is no tensor: save only the tensors")
    return content


def _view(path: Path, name: str, ref: TensorRef, read: Callable[[StorageRef], np.ndarray]) -> np.ndarray:
    count = math.prod(ref.shape)
    last = ref.offset + sum((length - 1) * stride for length, stride in zip(ref.shape, ref.strides, strict=True))
    # a stride of 0 would let a few bytes become any amount of memory
    if count > ref.storage.count or (count and last >= ref.storage.count):
        raise WeightsError(f"{path}: {name}: reaches beyond its storage: the file is damaged")
    numbers = read(ref.storage)
    if ref.storage.dtype == "bf16":
        numbers = widen_bfloat16(numbers)
    if not count:
        return np.empty(ref.shape, numbers.dtype)
    strides = tuple(stride * numbers.itemsize for stride in ref.strides)
    view = np.lib.stride_tricks.as_strided(numbers[ref.offset :], ref.shape, strides, writeable=False)
    return np.ascontiguousarray(view)


def _dtype(storage: StorageRef) -> np.dtype:
    return np.dtype("<u2" if storage.dtype == "bf16" else storage.dtype)
