"""JPEG: the size is in the frame; segments and scans are counted."""

import re
import struct

from compsel.errors import ImageError
from compsel.inputs.images.formats.image_header import ImageHeader, TruncatedError, check_count

__all__ = ["read_jpeg"]

# a byte 0xFF that is followed neither by a stuffed zero, nor by a restart marker, nor by a fill byte
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = frozenset((0xC0, 0xC1))
_TEM, _SOI, _EOI, _SOS = 0x01, 0xD8, 0xD9, 0xDA
# a colour profile takes up to 255, the metadata of panoramas some hundreds
_MOST_SEGMENTS = 20_000
# encoders write up to 20. A scan goes over all blocks, whatever it says of them: empty ones take 0.4 ns a pixel
_MOST_SCANS, _MOST_SCANNED_PIXELS = 100, 2_500_000_000
# four colours of CMYK
_MOST_COLOURS = 4


def read_jpeg(data: bytes) -> ImageHeader:
    """Read the header.

    Raises:
        ImageError: no picture, two of them, or too many parts.
        TruncatedError: the end is missing, and with it a part of the picture.
    """
    size, frame, scans, segments, position = None, 0, 0, 0, 2
    while marker := _MARKER.search(data, position):
        code, position = data[marker.start() + 1], marker.end()
        segments += 1
        check_count("segments of a JPEG", segments, _MOST_SEGMENTS)
        if code == _EOI:
            break
        if code in (_TEM, _SOI):
            continue
        if code in _FRAMES:
            if size is not None:
                raise ImageError("damaged: a JPEG with two frames; get the file again")
            size, frame = _frame(data, position), code
        scans += code == _SOS
        if position + 2 > len(data):
            marker = None
            break
        position += struct.unpack_from(">H", data, position)[0]
    if marker is None and (size is None or scans != 1 or frame not in _SEQUENTIAL):
        raise TruncatedError
    if size is None or not scans:
        raise ImageError("damaged: a JPEG without a picture in it; get the file again")
    height, width = size
    check_count("scans of a JPEG", scans, min(_MOST_SCANS, max(1, _MOST_SCANNED_PIXELS // max(1, width * height))))
    return ImageHeader("JPEG", width, height, ended=marker is not None)


def _frame(data: bytes, position: int) -> tuple[int, int]:
    """Return height and width."""
    height, width, colours = struct.unpack_from(">HHB", data, position + 3)
    check_count("colours of a JPEG", colours, _MOST_COLOURS)
    return height, width
