"""Files whose pixels are all there though their frame is not: a PNG or GIF without its end, a PNG with odd checksums.

Viewers and browsers show them; the decoder gets the file as it should be.
"""

import struct
import zlib

from compsel.errors import ImageError
from compsel.inputs.images.header import TRUNCATED, ImageHeader

__all__ = ["mended"]

_SIGNATURE_BYTES = 8
_PIECE_BYTES = 1 << 20
# what one pixel of 16-bit RGBA takes, and the filter of each row in each of the seven passes of an interlaced picture
_BYTES_PER_PIXEL, _PASSES = 8, 7


def mended(data: bytes, header: ImageHeader) -> bytes:
    """Return a PNG or GIF that lacks its end, or has checksums that are wrong, as a whole one.

    Args:
        data: of the file.
        header: its own, with `ended` False.

    Raises:
        ImageError: pixels are missing or changed. The message has no file name.
    """
    return data + b"\x3b" if header.format == "GIF" else _png(data, header)


def _png(data: bytes, header: ImageHeader) -> bytes:
    kept, pixels = data[:_SIGNATURE_BYTES], b""
    position, seen = _SIGNATURE_BYTES, False
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        content = data[position + 8 : position + 8 + length]
        checksum = data[position + 8 + length : position + 12 + length]
        right = checksum == struct.pack(">I", zlib.crc32(kind + content))
        if kind == b"IDAT":
            pixels += content
            seen = True
        elif kind[0] & 0x20 == 0 and not right and kind != b"IEND":
            raise ImageError("damaged: a checksum of this PNG is wrong; get the file again")
        elif right and not seen and kind != b"IEND":
            kept += data[position : position + 12 + length]
        position += 12 + length
    _check_pixels(pixels, header)
    return kept + _chunk(b"IDAT", pixels) + _chunk(b"IEND", b"")


def _check_pixels(pixels: bytes, header: ImageHeader) -> None:
    """Raise ImageError unless the compressed pixels end where they should, with the checksum of all of them."""
    left = header.width * header.height * _BYTES_PER_PIXEL + header.height * _PASSES
    unpacked = zlib.decompressobj()
    while not unpacked.eof and left >= 0:
        try:
            piece = unpacked.decompress(pixels, _PIECE_BYTES)
        except zlib.error as error:
            raise ImageError("damaged: a checksum of this PNG is wrong; get the file again") from error
        if not piece and not unpacked.eof:
            raise ImageError(TRUNCATED)
        pixels, left = unpacked.unconsumed_tail, left - len(piece)
    if not unpacked.eof:
        raise ImageError(TRUNCATED)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
