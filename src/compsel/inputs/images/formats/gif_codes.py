"""How often the codes of a picture in a GIF start again: each time, a decoder clears a table of 4096."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["count_starts"]

_LARGEST_TABLE = 4096
_MOST_BITS = 12
# of codes that are looked at together: few, because where starts are many, they are close; then many
_FEW, _MANY = 32, 4096


def count_starts(data: bytes, begin: int, end: int, most: int) -> int:
    """Return how often the codes of a picture start again, or a number over `most` where it is more.

    Args:
        data: of the file.
        begin: where the number of bits of a colour is.
        end: of the sub-blocks that follow it.
        most: counting stops beyond it; it is not begun where there is no room for so many.
    """
    bits = data[begin]
    if not 1 < bits < _MOST_BITS or (end - begin) * 8 // (bits + 1) <= most:
        return 0
    codes = _joined(data, begin + 1, end).astype(np.uint32)
    # what begins in each byte: a code of twelve bits reaches into the second one behind
    windows = codes[:-2] | codes[1:-1] << 8 | codes[2:] << 16
    places, masks, widths = _places(bits)
    # to start again, and one more to end: a decoder that does not end there starts again
    special = np.uint32(1 << bits | 1)
    starts, position, offset, count, last = 0, 0, 0, _FEW, 8 * len(windows)
    while position < last and starts <= most:
        if offset + count > len(places):
            offset = len(places) - count  # codes of the widest kind go on
        at = places[offset : offset + count] + (position - places[offset])
        if at[-1] >= last:
            at = at[at < last]
        found = windows[at >> 3] >> (at & 7) & masks[offset : offset + len(at)] | 1
        hits = found == special
        first = int(hits.argmax())
        if hits[first]:
            starts += 1
            position = int(at[first]) + int(widths[offset + first])
            offset, count = 0, _FEW
        else:
            position = int(at[-1]) + int(widths[offset + len(at) - 1])
            offset, count = offset + len(at), _MANY
    return starts


def _joined(data: bytes, position: int, end: int) -> NDArray[np.uint8]:
    """Return what is in sub-blocks, and two bytes more."""
    pieces = []
    while position < end and (length := data[position]):
        pieces.append(data[position + 1 : position + 1 + length])
        position += 1 + length
    return np.frombuffer(b"".join(pieces) + bytes(2), np.uint8)


@cache
def _places(bits: int) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.int64]]:
    """Return of each code after a start the bit at which it begins, its mask and its bits: to beyond a full table."""
    entries = np.arange((1 << bits) + 1, _LARGEST_TABLE + 2 * _MANY)
    widths = np.clip(np.floor(np.log2(entries)).astype(np.int64) + 1, bits + 1, _MOST_BITS)
    return np.concatenate([[0], np.cumsum(widths)[:-1]]), ((1 << widths) - 1).astype(np.uint32), widths
