"""GIF: the size is at the begin; blocks are counted, and of the first picture how often its codes start again."""

import struct

from compsel.errors import ImageError
from compsel.inputs.images.formats.gif_codes import count_starts
from compsel.inputs.images.formats.image_header import ImageHeader, check_count

__all__ = ["read_gif"]

_TRAILER, _PICTURE, _EXTENSION = 0x3B, 0x2C, 0x21
# encoders fill blocks of 255 bytes
_MOST_BLOCKS, _BYTES_OF_A_BLOCK = 100_000, 128
# each costs the decoder 3 µs; encoders start again when their table of 4096 is full, those that do not pack do after up
# to 254 pixels
_MOST_STARTS, _PIXELS_OF_A_START = 50_000, 3000


def read_gif(data: bytes) -> ImageHeader:
    """Read the header.

    Raises:
        ImageError: an unknown block, or too many.
        IndexError: it ends before a picture does.
    """
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position, pictures, blocks = 13 + _table_bytes(flags), 0, 0
    most = _MOST_BLOCKS + len(data) // _BYTES_OF_A_BLOCK
    while position < len(data) or not pictures:
        kind = data[position]
        if kind == _TRAILER:
            return ImageHeader("GIF", width, height)
        first = kind == _PICTURE and not pictures
        if kind == _PICTURE:
            pictures += 1
            position += 11 + _table_bytes(data[position + 9])
        elif kind == _EXTENSION:
            position += 2
        else:
            raise ImageError(f"damaged: a GIF with an unknown block 0x{kind:02x}; get the file again")
        begin = position
        while length := data[position]:
            position += 1 + length
            blocks += 1
            check_count("blocks of a GIF", blocks, most)
        blocks += 1
        check_count("blocks of a GIF", blocks, most)
        if first:
            # only the first picture is decoded
            allowed = _MOST_STARTS + width * height // _PIXELS_OF_A_START
            check_count("starts of codes in a GIF", count_starts(data, begin - 1, position, allowed), allowed)
        position += 1
    return ImageHeader("GIF", width, height, ended=False)


def _table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
