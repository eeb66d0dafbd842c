"""JPEGs whose parts are each allowed, and whose number or order is an attack."""

import struct

import cv2
import numpy as np

__all__ = ["HOSTILE", "jpeg_of_scans", "jpeg_of_segments", "segment"]

_SOF0, _SOF2, _DHT, _SOS, _DRI, _COM = 0xC0, 0xC2, 0xC4, 0xDA, 0xDD, 0xFE
_EOI = b"\xff\xd9"


def written(side: int, *, progressive: bool = False, grey: bool = True) -> bytes:
    """Return a flat picture as OpenCV writes it."""
    pixels = np.full((side, side) if grey else (side, side, 3), 99, np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)])[1].tobytes()


def segment(marker: int, content: bytes = b"") -> bytes:
    """Return one segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg_of_scans(scans: int, side: int = 1000) -> bytes:
    """Return a progressive JPEG whose last scan comes again and again: a few bytes that cost a pass over all blocks."""
    data = written(side, progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (scans - data.count(b"\xff\xda")) + _EOI


def jpeg_of_sequential_scans(scans: int, side: int = 1000) -> bytes:
    """Return a baseline JPEG in which each colour has its own scan, and the last one comes again and again."""
    data = written(side, grey=False)
    start = data.index(b"\xff\xda")
    blocks = (side + 7) // 8
    body = bytes(blocks * blocks)
    one = [segment(_SOS, bytes([1, number, 0x11 * (number > 1), 0, 63, 0])) + body for number in (1, 2, 3)]
    return data[:start] + b"".join(one) + one[-1] * (scans - 3) + _EOI


def jpeg_of_segments(count: int) -> bytes:
    """Return a JPEG of empty comments."""
    data = written(16)
    return data[:2] + segment(_COM) * count + data[2:]


def jpeg_of_two_frames(first_side: int = 30_000) -> bytes:
    """Return a JPEG whose first frame is larger than the second, which readers may take for its size."""
    data = written(16)
    at = data.index(b"\xff\xc0")
    (length,) = struct.unpack_from(">H", data, at + 2)
    frame = data[at : at + 2 + length]
    large = frame[:5] + struct.pack(">HH", first_side, first_side) + frame[9:]
    return data[:at] + large + data[at:]


def jpeg_of_tables(count: int) -> bytes:
    """Return a JPEG that defines its tables again and again."""
    data = written(16)
    at = data.index(b"\xff\xc4")
    (length,) = struct.unpack_from(">H", data, at + 2)
    table = data[at : at + 2 + length]
    return data[:at] + table * count + data[at:]


def jpeg_of_components(count: int = 10, side: int = 8000) -> bytes:
    """Return the header of a JPEG of so many colours, each sampled as finely as can be."""
    colours = b"".join(bytes([number, 0x44, 0]) for number in range(1, count + 1))
    frame = segment(_SOF2, struct.pack(">BHHB", 8, side, side, count) + colours)
    data = written(16)
    at = data.index(b"\xff\xc0")
    (length,) = struct.unpack_from(">H", data, at + 2)
    return data[:at] + frame + data[at + 2 + length :]


HOSTILE = {
    "JPEG, thousands of scans": lambda: jpeg_of_scans(5000),
    "JPEG, thousands of sequential scans": lambda: jpeg_of_sequential_scans(2000, 400),
    "JPEG, a million segments": lambda: jpeg_of_segments(1_000_000),
    "JPEG, two frames": jpeg_of_two_frames,
    "JPEG, tables again and again": lambda: jpeg_of_tables(10_000),
    "JPEG, ten colours": jpeg_of_components,
    "JPEG, start again and again": lambda: b"\xff\xd8" * 2_000_000 + written(16),
}
