"""Files as a decoder had better get them: a PNG or GIF without its end, a PNG with odd checksums or with much beside.

Viewers and browsers show files whose frame is not whole though their pixels are. And a decoder of PNGs unpacks all
texts and profiles that lie beside the picture, hundreds of megabytes from a few: it gets none of them.
"""

import struct
import zlib

from compsel.errors import ImageError
from compsel.inputs.images.formats.image_header import TRUNCATED, ImageHeader
from compsel.inputs.images.formats.png import NEEDED, raw_bytes

__all__ = ["mended"]

_SIGNATURE_BYTES, _HEADER_AT, _HEADER_BYTES = 8, 16, 13
_PIECE_BYTES = 1 << 20


def mended(data: bytes, header: ImageHeader) -> bytes:
    """Return a PNG or GIF that lacks its end, has checksums that are wrong or more than a picture, as a plain one.

    Args:
        data: of the file.
        header: its own, that needs mending.

    Raises:
        ImageError: pixels are missing or changed. The message has no file name.
    """
    return data + b"\x3b" if header.format == "GIF" else _png(data, header)


def _png(data: bytes, header: ImageHeader) -> bytes:
    view = memoryview(data)
    kept, pixels = [view[:_SIGNATURE_BYTES]], []
    position = _SIGNATURE_BYTES
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        content = view[position + 8 : position + 8 + length]
        right = header.ended or data[position + 8 + length : position + 12 + length] == _checksum(kind, content)
        if kind == b"IEND" and header.ended:
            break
        if kind == b"IDAT":
            pixels.append(content)
        elif kind[0] & 0x20 == 0 and not right and kind != b"IEND":
            raise ImageError("damaged: a checksum of this PNG is wrong; get the file again")
        elif right and kind in NEEDED and kind != b"IEND" and (not pixels or kind == b"eXIf"):
            kept.append(view[position : position + 12 + length])
        position += 12 + length
    if not header.ended:
        _check_pixels(pixels, data)
    whole = b"".join(pixels)
    return b"".join([*kept, *_chunk(b"IDAT", whole), *_chunk(b"IEND", b"")])


def _check_pixels(pixels: list[memoryview], data: bytes) -> None:
    """Raise ImageError unless the compressed pixels end where they should, with the checksum of all of them."""
    left = raw_bytes(data[_HEADER_AT : _HEADER_AT + _HEADER_BYTES])
    unpacked = zlib.decompressobj()
    for part in pixels:
        for at in range(0, len(part), _PIECE_BYTES):
            piece: bytes | memoryview = part[at : at + _PIECE_BYTES]
            while piece and not unpacked.eof and left >= 0:
                try:
                    left -= len(unpacked.decompress(piece, _PIECE_BYTES))
                except zlib.error as error:
                    raise ImageError("damaged: a checksum of this PNG is wrong; get the file again") from error
                piece = unpacked.unconsumed_tail
    if not unpacked.eof:
        raise ImageError(TRUNCATED)


def _checksum(kind: bytes, content: bytes | memoryview) -> bytes:
    return struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def _chunk(kind: bytes, content: bytes) -> tuple[bytes, ...]:
    return struct.pack(">I", len(content)), kind, content, _checksum(kind, content)
