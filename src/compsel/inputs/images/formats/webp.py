"""WebP: the size is in the first chunk; chunks are counted."""

import struct

from compsel.errors import ImageError
from compsel.inputs.images.formats.image_header import ImageHeader, check_count, need
from compsel.inputs.images.formats.metadata import check_metadata

__all__ = ["read_webp"]

# of an animation each frame is one
_MOST_CHUNKS = 50_000
_FIRST_CHUNK, _CHUNK_HEAD = 12, 8
_EXIF_MARK = b"Exif\0\0"


def read_webp(data: bytes) -> ImageHeader:
    """Read the header.

    Raises:
        ImageError: an unknown chunk comes first, or there are too many.
        TruncatedError: the end is missing.
    """
    (size,) = struct.unpack_from("<I", data, 4)
    need(data, size + 8)
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        _check_chunks(data)
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise ImageError(f"damaged: a WebP that begins with a chunk {kind!r}; get the file again")
    return ImageHeader("WebP", width, height)


def _check_chunks(data: bytes) -> None:
    position, chunks = _FIRST_CHUNK, 0
    while position + _CHUNK_HEAD <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        position += _CHUNK_HEAD
        chunks += 1
        check_count("chunks of a WebP", chunks, _MOST_CHUNKS)
        if kind == b"EXIF":
            content = memoryview(data)[position : position + length]
            for skipped in (0, len(_EXIF_MARK)):
                check_metadata(content[skipped:])
        position += length + (length & 1)
