"""GIF, WebP and BMP files whose parts are each allowed, and whose number or size is an attack."""

import struct

import cv2
import numpy as np

from tests.hostile.pngs import exif_of_strings

__all__ = ["HOSTILE"]


def written(ending: str, side: int = 16) -> bytes:
    """Return a picture as OpenCV writes it."""
    return cv2.imencode(ending, np.full((side, side, 3), 99, np.uint8))[1].tobytes()


def gif(screen: tuple[int, int], blocks: bytes, ended: bool = True) -> bytes:
    """Return a GIF of two colours."""
    return b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + blocks + b"\x3b" * ended


def frame(size: tuple[int, int], codes: bytes, block: int = 255, bits: int = 2) -> bytes:
    """Return a picture in a GIF, its codes in sub-blocks of so many bytes."""
    cut = range(0, len(codes), block)
    pieces = b"".join(bytes([len(codes[at : at + block])]) + codes[at : at + block] for at in cut)
    return b"\x2c" + struct.pack("<HHHHB", 0, 0, *size, 0) + bytes([bits]) + pieces + b"\0"


# one pixel of the first colour: start, 0, end, in codes of three bits
_ONE_PIXEL = b"\x44\x01"
# "start again" in codes of three bits, eight times
_STARTS = bytes.fromhex("244992")


def gif_of_starts(starts: int, bits: int) -> bytes:
    """Return a GIF of 8 x 8 pixels whose codes, after half of the pixels, start again so often."""
    widths, values = [], []
    for pixels, again in ((32, starts), (32, 0)):
        for number in range(pixels):
            widths.append(min(12, (max(1, (1 << bits) + 1 + number)).bit_length()))
            values.append(number % (1 << bits) % 2)
        width = (1 << bits) + 1 + pixels
        for number in range(again):
            widths.append(width.bit_length() if number == 0 else bits + 1)
            values.append(1 << bits)
    widths.append(((1 << bits) + 1 + 32).bit_length())
    values.append((1 << bits) + 1)
    digits = "".join(format(value, f"0{width}b")[::-1] for value, width in zip(values, widths, strict=True))
    digits += "0" * (-len(digits) % 8)
    codes = bytes(int(digits[at : at + 8][::-1], 2) for at in range(0, len(digits), 8))
    return gif((8, 8), frame((8, 8), codes, bits=bits))


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a WebP of these chunks."""
    body = b"".join(
        kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1) for kind, content in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def canvas(width: int, height: int, flags: int = 0) -> tuple[bytes, bytes]:
    """Return the chunk that says how large a WebP is."""
    return b"VP8X", bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")


def _picture(side: int = 16) -> tuple[bytes, bytes]:
    data = written(".webp", side)
    (size,) = struct.unpack_from("<I", data, 16)
    return data[12:16], data[20 : 20 + size]


def _lossless_header(width: int, height: int) -> tuple[bytes, bytes]:
    return b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(64)


def webp_of_frames(frames: int, side: int = 16, screen: int = 16) -> bytes:
    """Return an animation."""
    kind, content = _picture(side)
    inner = kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1)
    place = bytes(6) + (side - 1).to_bytes(3, "little") * 2 + bytes([10, 0, 0, 0])
    return webp(canvas(screen, screen, 0x02), (b"ANIM", bytes(6)), *[(b"ANMF", place + inner)] * frames)


def webp_of_metadata(content: bytes) -> bytes:
    """Return a picture with EXIF data."""
    return webp(canvas(16, 16, 0x08), _picture(), (b"EXIF", content))


def bmp(width: int, height: int, compression: int, data: bytes, *, bits: int = 8, colours: int = 2) -> bytes:
    """Return a BMP of a palette."""
    start = 54 + 4 * min(colours, 256)
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + bytes(4 * min(colours, 256)) + data


HOSTILE = {
    "GIF, a megabyte of starts": lambda: gif((1, 1), frame((1, 1), _STARTS * 350_000)),
    "GIF, sub-blocks of a byte": lambda: gif(
        (1, 1), b"\x21\xfe" + b"\x01a" * 5_000_000 + b"\0" + frame((1, 1), _ONE_PIXEL)
    ),
    "GIF, a million extensions": lambda: gif((1, 1), b"\x21\xfe\0" * 1_000_000 + frame((1, 1), _ONE_PIXEL)),
    "GIF, a million frames": lambda: gif((1, 1), frame((1, 1), _ONE_PIXEL) * 1_000_000),
    "GIF, a frame beyond the screen": lambda: gif((1, 1), frame((65535, 65535), _ONE_PIXEL)),
    "GIF, a screen beyond the frame": lambda: gif((10_000, 10_000), frame((1, 1), _ONE_PIXEL)),
    "WebP, a picture beyond its canvas": lambda: webp(canvas(1, 1), _lossless_header(16384, 16384)),
    "WebP, a canvas beyond its picture": lambda: webp(canvas(10_000, 10_000), _picture()),
    "WebP, a hundred thousand frames": lambda: webp_of_frames(100_000),
    "WebP, frames beyond the screen": lambda: webp_of_frames(10, 64, 1),
    "WebP, frames on a large screen": lambda: webp_of_frames(2, 16, 10_000),
    "WebP, a million chunks": lambda: webp(canvas(16, 16), _picture(), *[(b"ABCD", b"")] * 1_000_000),
    "WebP, frames of nothing": lambda: webp(canvas(16, 16, 2), (b"ANIM", bytes(6)), *[(b"ANMF", bytes(16))] * 500_000),
    "WebP, metadata of many texts": lambda: webp_of_metadata(exif_of_strings(7_000_000, 60_000)),
    "BMP, packed, large": lambda: bmp(10_000, 10_000, 1, b"\0\1"),
    "BMP, packed, of jumps": lambda: bmp(8, 8, 1, b"\0\2\0\0" * 1_000_000 + b"\0\1"),
    "BMP, colours without number": lambda: bmp(8, 8, 0, bytes(64), colours=2**31 - 1),
    "BMP, a height of less than none": lambda: bmp(1, -(2**31), 0, b""),
}
