"""Headers of encoded images: format and size, and a check that the file is complete, before anything is decoded.

Decoders allocate what a header asks for, and fill what is missing at the end with grey; both are refused here, where
it costs little (12 megapixels: 0.2 ms for a JPEG of 0.7 MB, 1.4 ms for a PNG of 9 MB, whose checksums are compared).
Nothing is decompressed.

Pillow (13.0) reads formats and sizes in 0.02 ms, but it would cost the runtime a dependency of 23 MB and about 26 ms
of import, and it does not see that a file is cut off before all of it is decoded: of JPEG, BMP, GIF and TIFF files
without their second half, neither `Image.open` nor `verify` refuses one.
"""

import re
import struct
import zlib
from dataclasses import dataclass

from compsel.errors import ImageError

__all__ = ["FORMATS", "TRUNCATED", "ImageHeader", "read_header"]

FORMATS = ("JPEG", "PNG", "WebP", "BMP", "GIF", "TIFF")


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Format and size of an encoded image.

    Attributes:
        format: one of `FORMATS`.
        width, height: in pixels, as stored (an orientation in the metadata may swap them).
        ended: False for a JPEG, PNG or GIF without the mark of its end: cut off, or some phones' panoramas, in which
            the maker's data follow the picture; and for a PNG with a checksum that is wrong. Whether all pixels are
            there is told by `compsel.inputs.images.decoding.check_header`.

    >>> read_header(b"BM" + bytes(16) + (2).to_bytes(4, "little") + bytes(30))
    Traceback (most recent call last):
    compsel.errors.ImageError: has no pixels: got 2x0 (BMP), allowed is at least 1x1
    """

    format: str
    width: int
    height: int
    ended: bool = True


class _TruncatedError(Exception):
    """The data end before the image does."""


TRUNCATED = "truncated: the end of the image is missing; get the whole file again"


def read_header(data: bytes) -> ImageHeader:
    """Read the header of a JPEG, PNG, WebP, BMP, GIF or TIFF, and check that the image ends where it should.

    Raises:
        ImageError: none of these formats, truncated, damaged, or without pixels. The message has no file name.
    """
    parse = next((parse for pattern, parse in _PARSERS if pattern.match(data)), None)
    if parse is None:
        raise ImageError(f"not an image: allowed are {', '.join(FORMATS)}")
    try:
        header = parse(data)
    except (_TruncatedError, struct.error, IndexError, OverflowError) as error:  # overflow: an offset beyond memory
        raise ImageError(TRUNCATED) from error
    if header.width < 1 or header.height < 1:
        size = f"{header.width}x{header.height} ({header.format})"
        raise ImageError(f"has no pixels: got {size}, allowed is at least 1x1")
    return header


def _need(data: bytes, end: int) -> None:
    if end > len(data):
        raise _TruncatedError


# a byte 0xFF that is followed neither by a stuffed zero, nor by a restart marker, nor by a fill byte
_JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_SEQUENTIAL = frozenset((0xC0, 0xC1))
_TEM, _SOI, _EOI, _SOS = 0x01, 0xD8, 0xD9, 0xDA


def _jpeg(data: bytes) -> ImageHeader:
    size, frame, scans, position = None, 0, 0, 2
    while marker := _JPEG_MARKER.search(data, position):
        code, position = data[marker.start() + 1], marker.end()
        if code == _EOI:
            if size is None or not scans:
                raise ImageError("damaged: a JPEG without a picture in it; get the file again")
            return ImageHeader("JPEG", size[1], size[0])
        if code in (_TEM, _SOI):
            continue
        if code in _JPEG_FRAMES:
            size, frame = struct.unpack_from(">HH", data, position + 3), code
        scans += code == _SOS
        if position + 2 > len(data):
            break
        position += struct.unpack_from(">H", data, position)[0]
    if size is None or scans != 1 or frame not in _JPEG_SEQUENTIAL:
        raise _TruncatedError
    return ImageHeader("JPEG", size[1], size[0], ended=False)


def _png(data: bytes) -> ImageHeader:
    if data[12:16] != b"IHDR":
        _need(data, 33)
        raise ImageError("damaged: a PNG that does not begin with its header; get the file again")
    width, height = struct.unpack_from(">II", data, 16)
    position, right = 8, True
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            break
        (checksum,) = struct.unpack_from(">I", data, end - 4)
        right &= zlib.crc32(memoryview(data)[position + 4 : end - 4]) == checksum
        if kind == b"IEND":
            return ImageHeader("PNG", width, height, ended=right)
        position = end
    return ImageHeader("PNG", width, height, ended=False)


def _webp(data: bytes) -> ImageHeader:
    (size,) = struct.unpack_from("<I", data, 4)
    _need(data, size + 8)
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise ImageError(f"damaged: a WebP that begins with a chunk {kind!r}; get the file again")
    return ImageHeader("WebP", width, height)


_BMP_UNCOMPRESSED = (0, 3, 6)


def _bmp(data: bytes) -> ImageHeader:
    file_size, _, start, header_size = struct.unpack_from("<IIII", data, 2)
    if header_size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    height = abs(height)  # a negative one says that rows go from top to bottom
    if width > 0:
        row = (width * bits + 31) // 32 * 4
        _need(data, start + row * height if compression in _BMP_UNCOMPRESSED else file_size)
    return ImageHeader("BMP", width, height)


_GIF_TRAILER, _GIF_PICTURE, _GIF_EXTENSION = 0x3B, 0x2C, 0x21


def _gif(data: bytes) -> ImageHeader:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position, pictures = 13 + _gif_table_bytes(flags), 0
    while position < len(data) or not pictures:
        kind = data[position]
        if kind == _GIF_TRAILER:
            return ImageHeader("GIF", width, height)
        if kind == _GIF_PICTURE:
            pictures += 1
            position += 11 + _gif_table_bytes(data[position + 9])
        elif kind == _GIF_EXTENSION:
            position += 2
        else:
            raise ImageError(f"damaged: a GIF with an unknown block 0x{kind:02x}; get the file again")
        while length := data[position]:
            position += 1 + length
        position += 1
    return ImageHeader("GIF", width, height, ended=False)


def _gif_table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


_TIFF_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_WIDTH, _HEIGHT = 256, 257
# where the strips or the tiles of the picture are, and how long each is
_TIFF_PARTS = ((273, 279), (324, 325))


def _tiff(data: bytes) -> ImageHeader:
    tags = _tiff_directory(data)
    for starts, lengths in _TIFF_PARTS:
        for start, length in zip(tags.get(starts, ()), tags.get(lengths, ()), strict=False):
            _need(data, start + length)
    width, height = (tags.get(tag, (0,))[0] for tag in (_WIDTH, _HEIGHT))
    return ImageHeader("TIFF", width, height)


def _tiff_directory(data: bytes) -> dict[int, tuple[int, ...]]:
    order = "<" if data[:2] == b"II" else ">"
    (magic,) = struct.unpack_from(order + "H", data, 2)
    # BigTIFF has 8-byte offsets where the classic file has 4-byte ones
    offset, count, entry, inline = ("Q", "Q", 20, 8) if magic == 43 else ("I", "H", 12, 4)
    (position,) = struct.unpack_from(order + offset, data, inline)
    (entries,) = struct.unpack_from(order + count, data, position)
    position += struct.calcsize(order + count)
    _need(data, position + entries * entry)
    tags = {}
    for at in range(position, position + entries * entry, entry):
        tag, kind = struct.unpack_from(order + "HH", data, at)
        (number,) = struct.unpack_from(order + offset, data, at + 4)
        code = _TIFF_TYPES.get(kind)
        if code is None or number == 0:
            continue
        values = at + entry - inline
        length = number * struct.calcsize(code)
        if length > inline:
            (values,) = struct.unpack_from(order + offset, data, values)
        _need(data, values + length)
        tags[tag] = struct.unpack_from(f"{order}{number}{code}", data, values)
    return tags


_PARSERS = (
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), _png),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
    (re.compile(rb"GIF8[79]a"), _gif),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), _tiff),
    (re.compile(rb"BM"), _bmp),
)
