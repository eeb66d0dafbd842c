"""Hashes of names of samples and groups: the same wherever, whenever and beside whatever else they are read."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["name_hashes", "rehashed"]

Hashes = NDArray[np.uint64]
_WORD = 8
_START = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def name_hashes(names: Any) -> Hashes:
    """Return uint64 (n,) hashes of the UTF-8 texts of an Arrow array (n,).

    Words of 8 bytes are mixed one after the other by the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014):
    a hash of every text by itself, at the speed of NumPy.

    >>> import pyarrow as pa
    >>> one, two = name_hashes(pa.array(["a", "a long name.png"])), name_hashes(pa.array(["a long name.png", "b"]))
    >>> bool(one[1] == two[0]), bool(one[0] == two[1])
    (True, False)
    """
    offsets = np.frombuffer(names.buffers()[1], np.int32)[names.offset : names.offset + len(names) + 1]
    lengths = np.diff(offsets).astype(np.int64)
    found = lengths.astype(np.uint64) ^ _START
    buffer = names.buffers()[2]
    data = np.zeros(0, np.uint8) if buffer is None else np.frombuffer(buffer, np.uint8)
    rows = np.arange(len(lengths))
    for start in range(0, int(lengths.max(initial=0)), _WORD):
        rows = rows[lengths[rows] > start]
        places = offsets[rows].astype(np.int64)[:, None] + start + np.arange(_WORD)
        inside = start + np.arange(_WORD) < lengths[rows, None]
        words = np.where(inside, data[np.where(inside, places, 0)], np.uint8(0))
        found[rows] = _mixed(found[rows] ^ np.ascontiguousarray(words).view("<u8").ravel())
    return _mixed(found)


def rehashed(hashes: Hashes, salt: int) -> Hashes:
    """Return other hashes of the same names, for a draw that is independent of others."""
    return _mixed(hashes ^ np.uint64(salt))


def _mixed(words: Hashes) -> Hashes:
    words = words + _START
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))
