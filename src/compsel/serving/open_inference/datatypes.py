"""Tensors of the protocol: datatype, shape and data, as JSON or as bytes."""

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from compsel.serving.request_error import RequestError

__all__ = ["array_from_bytes", "array_from_json", "bytes_of", "datatype_of", "shape_from_json"]

DATATYPES = {
    "BOOL": "bool",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
    "BYTES": "string",
}
_WORDS = {dtype: word for word, dtype in DATATYPES.items()}
_MOST_AXES, _MOST_LENGTH = 16, 2**31 - 1


def datatype_of(dtype: str) -> str:
    """Return the protocol's word for the element type of a `TensorSpec` or an array.

    >>> datatype_of("float32"), datatype_of("string")
    ('FP32', 'BYTES')
    """
    return _WORDS.get(dtype, "BYTES")


def shape_from_json(content: Any, name: str) -> tuple[int, ...]:
    """Return a shape.

    Raises:
        RequestError: 400, something else.
    """
    lengths = content if isinstance(content, list) else [None]
    whole = all(type(length) is int and 0 <= length <= _MOST_LENGTH for length in lengths)
    if not whole or len(lengths) > _MOST_AXES:
        raise RequestError(400, f"{name}: got shape {str(content)[:80]}, allowed is a list of whole numbers from 0")
    return tuple(lengths)


def array_from_json(data: Any, datatype: str, shape: Sequence[int], name: str) -> np.ndarray:
    """Return the array of numbers, or the strings, in a flat or nested list.

    Raises:
        RequestError: 400 another datatype; 422 values that do not fit it, or their shape.

    >>> array_from_json([[1, 2], [3, 4]], "FP32", (2, 2), "x")
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    dtype = _dtype(datatype, name)
    try:
        found = np.asarray(data, object if datatype == "BYTES" else None)
    except (ValueError, OverflowError, RecursionError) as error:
        raise RequestError(422, f"{name}: its data cannot be read as {datatype}: {error}") from None
    _check_count(found.size, shape, name)
    if datatype == "BYTES":
        if not all(isinstance(one, str) for one in found.flat):
            raise RequestError(422, f"{name}: got something else than strings, allowed are strings for BYTES")
        return found.reshape(shape)
    return _cast(found, dtype, datatype, name).reshape(shape)


def array_from_bytes(data: bytes, datatype: str, shape: Sequence[int], name: str) -> np.ndarray:
    """Return the array in row-major little-endian bytes; of BYTES, elements with their lengths (4 bytes) before them.

    Raises:
        RequestError: 400 another datatype; 422 another number of bytes than shape and datatype say.
    """
    dtype = _dtype(datatype, name)
    if datatype == "BYTES":
        found = _elements(data, name)
        _check_count(len(found), shape, name)
        array = np.empty(len(found), object)
        array[:] = found
        return array.reshape(shape)
    wanted = np.dtype(dtype).newbyteorder("<")
    if math.prod(shape) * wanted.itemsize != len(data):
        raise RequestError(
            422, f"{name}: got {len(data)} bytes, allowed are those of {datatype} of shape {list(shape)}"
        )
    return np.frombuffer(data, wanted).astype(dtype, copy=False).reshape(shape)


def bytes_of(array: np.ndarray) -> bytes:
    """Return the bytes of an array, as `array_from_bytes` reads them.

    >>> bytes_of(np.array(["hi"], object))
    b'\\x02\\x00\\x00\\x00hi'
    """
    if array.dtype.kind in "OUS":
        texts = [one if isinstance(one, bytes) else str(one).encode() for one in array.flat]
        return b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()


def _dtype(datatype: str, name: str) -> str:
    if datatype not in DATATYPES:
        raise RequestError(400, f"{name}: got datatype {datatype!r}, allowed are {', '.join(DATATYPES)}")
    return DATATYPES[datatype]


def _check_count(count: int, shape: Sequence[int], name: str) -> None:
    if count != math.prod(shape):
        raise RequestError(422, f"{name}: got {count} elements, allowed are {math.prod(shape)} for {list(shape)}")


def _cast(found: np.ndarray, dtype: str, datatype: str, name: str) -> np.ndarray:
    """Return the numbers as a type that holds them all."""
    wanted = np.dtype(dtype)
    if not found.size:
        return found.astype(wanted)
    fits = found.dtype.kind in {"b": "b", "i": "iu", "u": "iu", "f": "biuf"}[wanted.kind]
    if fits and wanted.kind in "iu":
        limits = np.iinfo(wanted)
        fits = int(found.min()) >= limits.min and int(found.max()) <= limits.max
    if fits and wanted.kind == "f":
        fits = bool(np.isfinite(found).all())
    if not fits:
        raise RequestError(422, f"{name}: got values that are no {datatype}: check them, or name another datatype")
    with np.errstate(over="ignore"):
        return found.astype(wanted)


def _elements(data: bytes, name: str) -> list[bytes]:
    found, place = [], 0
    while place < len(data):
        end = place + 4
        length = int.from_bytes(data[place:end], "little")
        if end + length > len(data):
            raise RequestError(422, f"{name}: its bytes end inside an element: each has its length before it, 4 bytes")
        found.append(data[end : end + length])
        place = end + length
    return found
