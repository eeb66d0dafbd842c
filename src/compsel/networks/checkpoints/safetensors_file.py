"""Read `.safetensors`: eight bytes with the length of a JSON header, the header, then the numbers.

The format is described at https://github.com/huggingface/safetensors; every size and offset is checked before use.
The library `safetensors` does not replace this reader: with numpy alone, version 0.8.0 fails on BF16 with a TypeError,
since numpy has no such type, and it accepts a header that names one tensor twice.
"""

from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import WeightsError
from compsel.storage.regular_files import read_regular
from compsel.storage.shapes import element_count
from compsel.storage.sizes import physical_memory_bytes
from compsel.storage.strict_json import parse_json

__all__ = ["read_safetensors"]

_LONGEST_HEADER = 100_000_000
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors by name; BF16 is widened to float32, which is exact.

    Raises:
        WeightsError: a header that lies about sizes or offsets, an unknown dtype, a truncated file.
    """
    content = read_regular(path, physical_memory_bytes())
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > min(_LONGEST_HEADER, len(content) - 8):
        raise WeightsError(f"{path}: not a safetensors file, or a truncated one")
    try:
        header = parse_json(content[8 : 8 + length])
    except ValueError as error:
        raise WeightsError(f"{path}: the safetensors header cannot be read: {error}") from error
    if not isinstance(header, dict):
        raise WeightsError(f"{path}: the safetensors header is no object")
    header.pop("__metadata__", None)
    data = memoryview(content)[8 + length :]
    tensors, spans = {}, []
    for name, entry in header.items():
        dtype, shape, start, stop = _checked(path, name, entry)
        if stop > len(data):
            raise WeightsError(f"{path}: {name}: ends at byte {stop} of {len(data)}: the file is truncated")
        spans.append((start, stop))
        array = np.frombuffer(data[start:stop], _DTYPES[dtype]).reshape(shape)
        tensors[name] = widen_bfloat16(array) if dtype == "BF16" else array
    end = 0
    for start, stop in sorted(spans):
        if start != end:
            raise WeightsError(f"{path}: tensors overlap or leave a gap at byte {start}: the file is damaged")
        end = stop
    if end != len(data):
        raise WeightsError(f"{path}: {len(data) - end} bytes belong to no tensor: the file is damaged")
    return tensors


def widen_bfloat16(bits: np.ndarray) -> np.ndarray:
    """Return the float32 numbers whose upper halves are the uint16 `bits`."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _checked(path: Path, name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    try:
        dtype, shape, (start, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
    except (TypeError, KeyError, ValueError) as error:
        raise WeightsError(f"{path}: {name}: needed are dtype, shape and two data_offsets") from error
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise WeightsError(f"{path}: {name}: got dtype {dtype!r}, allowed are {', '.join(_DTYPES)}")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in (*shape, start, stop)):
        raise WeightsError(f"{path}: {name}: shape and data_offsets must be whole numbers from 0")
    try:
        count = element_count(shape)
    except ValueError as error:
        raise WeightsError(f"{path}: {name}: {error}: the file is damaged") from error
    if stop - start != count * np.dtype(_DTYPES[dtype]).itemsize:
        raise WeightsError(f"{path}: {name}: {stop - start} bytes are not shape {tuple(shape)} of {dtype}")
    return dtype, tuple(shape), start, stop
