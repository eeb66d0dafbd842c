"""PNG: the size is in the first chunk; chunks are counted, and their checksums compared."""

import struct
import zlib

from compsel.errors import ImageError
from compsel.inputs.images.formats.image_header import ImageHeader, check_count, need
from compsel.inputs.images.formats.metadata import check_metadata

__all__ = ["NEEDED", "raw_bytes", "read_png"]

#: chunks that pixels, or their orientation, depend on
NEEDED = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf"))
# of a few bytes, in most files: the decoder reads over them faster than they are taken out
_HARMLESS = frozenset((b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"sBIT", b"bKGD", b"tIME"))
# pixels come in parts of 8 kB and more from most encoders
_MOST_CHUNKS, _BYTES_OF_A_CHUNK = 10_000, 512
# of pixels that do not pack: what zlib adds to them, with room
_MOST_PACKED, _PACKED_BYTES = 1.1, 1 << 16
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = 7


def read_png(data: bytes) -> ImageHeader:
    """Read the header.

    What is packed as pixels may unpack to more than there are, which the decoder throws away: 2 µs a byte at worst.

    Raises:
        ImageError: another chunk comes first, there are too many, or more packed pixels than the size has.
        TruncatedError: it ends before its header does.
    """
    if data[12:16] != b"IHDR":
        need(data, 33)
        raise ImageError("damaged: a PNG that does not begin with its header; get the file again")
    width, height = struct.unpack_from(">II", data, 16)
    most = _MOST_CHUNKS + len(data) // _BYTES_OF_A_CHUNK
    position, chunks, right, bare, packed, ended = 8, 0, True, True, 0, False
    view = memoryview(data)
    while position + 12 <= len(data) and not ended:
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            break
        chunks += 1
        check_count("chunks of a PNG", chunks, most)
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        right &= zlib.crc32(view[position + 4 : end - 4]) == checksum
        bare &= kind in NEEDED or kind in _HARMLESS
        packed += length if kind == b"IDAT" else 0
        if kind == b"eXIf":
            check_metadata(view[position + 8 : end - 4])
        ended, position = kind == b"IEND", end
    most = int(_MOST_PACKED * raw_bytes(data[16:29])) + _PACKED_BYTES
    check_count("bytes of packed pixels in a PNG", packed, most)
    return ImageHeader("PNG", width, height, ended=ended and right, bare=bare)


def raw_bytes(header: bytes) -> int:
    """Return how many bytes the pixels of a PNG have at most before they are packed, filters of rows included.

    Args:
        header: the content of its first chunk, 13 bytes.
    """
    width, height, bits, kind = struct.unpack_from(">IIBB", header)
    row = (width * bits * _CHANNELS.get(kind, 4) + 7) // 8
    # an interlaced picture has up to so many rows and parts of bytes more
    return int(row * height + (height + _PASSES) * (1 + _PASSES))
