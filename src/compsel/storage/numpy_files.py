"""NumPy's files of plain arrays, by others: what a header says is compared with what is there before it is believed."""

import sys
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, BinaryIO

import numpy as np
from numpy.lib import format as npy

from compsel.errors import one_line
from compsel.storage.archives import open_archive
from compsel.storage.regular_files import file_size
from compsel.storage.shapes import element_count

__all__ = ["arrays_in", "read_npy", "read_npz"]

_SWAPPED = np.dtype(np.uint32).newbyteorder()
_MOST_EMPTY_ROWS = 1_000_000  # of an array without elements: its rows take no room in the file
_DAMAGED = (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, KeyError)
# what others raise for headers that are none
_NO_HEADER = (tokenize.TokenError, TypeError, AttributeError, SyntaxError, OverflowError, MemoryError, RecursionError)


def read_npz(
    stream: BinaryIO, wanted: Callable[[str], bool] = lambda _: True, most_bytes: int | None = None
) -> dict[str, np.ndarray]:
    """Return arrays of an `.npz` by name.

    Args:
        stream: its bytes.
        wanted: tells by its name whether an array is read.
        most_bytes: that it may unpack to; None: in relation to its size.

    Raises:
        ValueError: not an archive of plain arrays, a damaged one, or one that unpacks to more.

    >>> import io
    >>> stream = io.BytesIO()
    >>> np.savez_compressed(stream, x=np.zeros((2, 3), np.float32), label=1)
    >>> {name: array.shape for name, array in read_npz(stream, {"x"}.__contains__).items()}
    {'x': (2, 3)}
    """
    try:
        archive = open_archive(stream, most_bytes)
    except _DAMAGED as error:
        raise ValueError(one_line(error)) from error
    with archive:
        return arrays_in(archive, wanted)


def arrays_in(archive: zipfile.ZipFile, wanted: Callable[[str], bool]) -> dict[str, np.ndarray]:
    """Return arrays of an archive that was opened; see `read_npz`."""
    try:
        named = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
        return {name: _array(archive, entry) for name, entry in named.items() if wanted(name)}
    except (*_DAMAGED, *_NO_HEADER) as error:
        raise ValueError(one_line(error)) from error


def read_npy(stream: BinaryIO) -> np.ndarray:
    """Return the array of an `.npy`.

    Raises:
        ValueError: not one plain array, or a damaged file.
    """
    try:
        stream.seek(0)
        _check_header(stream, file_size(stream))
        stream.seek(0)
        return _checked(npy.read_array(stream, allow_pickle=False))
    except (*_DAMAGED, *_NO_HEADER) as error:
        raise ValueError(one_line(error)) from error


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(entry) as member:
        _check_header(member, entry.file_size)
    with archive.open(entry) as member:
        return _checked(npy.read_array(member, allow_pickle=False))


def _checked(array: np.ndarray) -> np.ndarray:
    """Return an array; raise ValueError where it holds texts that are none."""
    if array.dtype.kind == "U" and array.size:
        codes = np.ascontiguousarray(array).reshape(-1).view(np.uint32 if array.dtype.isnative else _SWAPPED)
        if codes.max() > sys.maxunicode:
            raise ValueError("an array of texts with characters that do not exist")
    return array


def _check_header(stream: IO[bytes], size: int) -> None:
    """Raise ValueError unless a header says as many bytes as follow it."""
    major, _ = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("an array of objects, allowed are numbers and texts")
    if not dtype.itemsize:
        raise ValueError(f"an array of {dtype}, which are no numbers")
    count, left = element_count(shape), size - stream.tell()
    # what follows the last array of a file counts for nothing
    if count * dtype.itemsize > left:
        raise ValueError(f"an array of shape {shape} and {dtype} in {left} bytes")
    if not count and max(shape) > _MOST_EMPTY_ROWS:
        raise ValueError(f"an array of shape {shape}, which has no elements")
