"""EXIF data inside an image: how much reading them costs."""

import struct

from compsel.inputs.images.formats.image_header import check_count

__all__ = ["check_metadata"]

# of bytes that a reader copies: each entry may name a text as long as all of the data
_MOST_COPIED = 1 << 28


def check_metadata(data: bytes | memoryview) -> None:
    """Raise ImageError where the first directory has so many entries that texts of theirs fill a quarter of a gigabyte.

    Args:
        data: from the byte order on.
    """
    if len(data) < 10 or bytes(data[:2]) not in (b"II", b"MM"):
        return
    order = "<" if data[0] == ord("I") else ">"
    (place,) = struct.unpack_from(order + "I", data, 4)
    if place + 2 > len(data):
        return
    (entries,) = struct.unpack_from(order + "H", data, place)
    check_count(f"bytes of metadata in {entries} entries", entries * len(data), _MOST_COPIED)
