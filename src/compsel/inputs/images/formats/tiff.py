"""TIFF: the size is in the first directory; directories, entries and what they name are counted."""

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from compsel.inputs.images.formats.image_header import ImageHeader, check_count, need

__all__ = ["read_tiff"]

_CODES = {1: "u1", 3: "u2", 4: "u4", 16: "u8"}
_BYTES_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WIDTH, _HEIGHT, _ROWS_PER_STRIP, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 278, 322, 323
# where the strips or the tiles of the picture are, and how long each is
_PARTS = ((273, 279), (324, 325))
_READ = {_WIDTH, _HEIGHT, _ROWS_PER_STRIP, _TILE_WIDTH, _TILE_HEIGHT, *(tag for pair in _PARTS for tag in pair)}
# cameras write some hundreds, and more in directories of their own, which are not read
_MOST_ENTRIES = 4096
# one a page
_MOST_DIRECTORIES = 65_536
# resolutions may share their value; nothing large does
_SHARED_BYTES = 1 << 16
_PIXELS_OF_A_PART, _PARTS_OF_THE_PICTURE = 1 << 22, 4
# of uncompressed 16-bit RGBA: equal tiles may share their place
_BYTES_PER_PIXEL = 8
_ALL_ROWS = 0xFFFFFFFF

_Tags = dict[int, NDArray[np.unsignedinteger]]


class _Layout(NamedTuple):
    """How numbers of a file are stored: classic, or BigTIFF with 8-byte offsets in the place of 4-byte ones."""

    order: str
    offset: str
    entries: str
    entry: int
    inline: int


def read_tiff(data: bytes) -> ImageHeader:
    """Read the header.

    Raises:
        ImageError: too many directories, entries or bytes that they name, or a part far larger than the picture.
        TruncatedError: a part of the picture, or what an entry names, is missing.
    """
    order = "<" if data[:2] == b"II" else ">"
    (magic,) = struct.unpack_from(order + "H", data, 2)
    layout = _Layout(order, "Q", "Q", 20, 8) if magic == 43 else _Layout(order, "I", "H", 12, 4)
    (position,) = struct.unpack_from(order + layout.offset, data, layout.inline)
    _check_directories(data, position, layout)
    tags = _directory(data, position, layout)
    width, height = (int(tags[tag][0]) if tag in tags else 0 for tag in (_WIDTH, _HEIGHT))
    _check_parts(tags, len(data), width, height)
    return ImageHeader("TIFF", width, height)


def _entries(data: bytes, position: int, layout: _Layout) -> tuple[int, int]:
    """Return the number of entries of a directory, and where they begin."""
    (entries,) = struct.unpack_from(layout.order + layout.entries, data, position)
    return entries, position + struct.calcsize(layout.order + layout.entries)


def _check_directories(data: bytes, position: int, layout: _Layout) -> None:
    """Follow the directories: a decoder counts them."""
    directories = 0
    while 0 < position < len(data):
        directories += 1
        check_count("directories of a TIFF", directories, _MOST_DIRECTORIES)
        try:
            entries, begin = _entries(data, position, layout)
            (position,) = struct.unpack_from(layout.order + layout.offset, data, begin + entries * layout.entry)
        except (struct.error, OverflowError):
            return  # the last one is cut off, or ends the file


def _directory(data: bytes, position: int, layout: _Layout) -> _Tags:
    entries, position = _entries(data, position, layout)
    need(data, position + entries * layout.entry)
    check_count("entries of a TIFF", entries, _MOST_ENTRIES)
    tags: _Tags = {}
    named, most = 0, len(data) + _SHARED_BYTES
    for at in range(position, position + entries * layout.entry, layout.entry):
        tag, kind = struct.unpack_from(layout.order + "HH", data, at)
        (number,) = struct.unpack_from(layout.order + layout.offset, data, at + 4)
        length = number * _BYTES_OF_TYPE.get(kind, 8)
        inline = length <= layout.inline
        named += 0 if inline else length
        code = _CODES.get(kind)
        if code is None or number == 0:
            continue
        values = at + layout.entry - layout.inline
        if not inline:
            (values,) = struct.unpack_from(layout.order + layout.offset, data, values)
        need(data, values + length)
        check_count("bytes that entries of a TIFF name", named, most)
        if tag in _READ and tag not in tags:
            tags[tag] = np.frombuffer(data, layout.order + code, number, values)
    check_count("bytes that entries of a TIFF name", named, most)
    return tags


def _check_parts(tags: _Tags, size: int, width: int, height: int) -> None:
    """Check the strips or tiles: that they are there, and not far larger than the picture."""
    pixels = width * height
    total = 0
    for starts, lengths in _PARTS:
        if starts in tags and lengths in tags:
            number = min(len(tags[starts]), len(tags[lengths]))
            ends = tags[starts][:number].astype(np.float64) + tags[lengths][:number]
            need(b"", int(ends.max() > size))
            total += int(tags[lengths].astype(np.float64).sum())
    check_count("bytes in parts of a TIFF", total, size + _BYTES_PER_PIXEL * pixels)
    if _TILE_WIDTH in tags and _TILE_HEIGHT in tags:
        part = int(tags[_TILE_WIDTH][0]) * int(tags[_TILE_HEIGHT][0])
    else:
        rows = int(tags[_ROWS_PER_STRIP][0]) if _ROWS_PER_STRIP in tags else _ALL_ROWS
        part = width * (height if rows == _ALL_ROWS else rows)
    check_count("pixels in a part of a TIFF", part, max(_PIXELS_OF_A_PART, _PARTS_OF_THE_PICTURE * pixels))
