"""PNGs whose chunks are each allowed, and whose number, content or size is an attack."""

import struct
import zlib

import cv2
import numpy as np

__all__ = ["HOSTILE", "chunk", "png_with"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """Return one chunk."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def written(side: int = 16) -> bytes:
    """Return a picture as OpenCV writes it."""
    return cv2.imencode(".png", np.full((side, side, 3), 99, np.uint8))[1].tobytes()


def png_with(chunks: bytes, *, behind: bool = False, side: int = 16) -> bytes:
    """Return a PNG with more chunks, after its header or before its end."""
    data = written(side)
    at = len(data) - 12 if behind else 33
    return data[:at] + chunks + data[at:]


def packed(megabytes: int, byte: bytes = b"\0") -> bytes:
    """Return so many megabytes of a byte as zlib packs them, a thousandth of that."""
    packer = zlib.compressobj(9)
    head = packer.compress(byte) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(byte * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 1
    for _ in range(megabytes):
        checksum = zlib.adler32(byte * (1 << 20), checksum)
    end = packer.flush()[:-4] + struct.pack(">I", zlib.adler32(byte, checksum))
    return head + piece * megabytes + end


def _raw_profile(length: int, payload: bytes = b"") -> bytes:
    text = b"Raw profile type exif\0" + b"\nexif\n%8d\n" % length + payload.hex().encode() + b"\n"
    return png_with(chunk(b"tEXt", text))


def png_of_small_parts(count: int) -> bytes:
    """Return a PNG whose pixels come one byte a chunk, without an end."""
    pixels = zlib.compress(b"\0" + np.random.default_rng(0).integers(0, 256, count - 1, np.uint8).tobytes(), 0)
    header = struct.pack(">IIBBBBB", count - 1, 1, 8, 0, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", header) + b"".join(chunk(b"IDAT", bytes([byte])) for byte in pixels)


def png_of_frames(count: int, claimed: int, side: int = 16) -> bytes:
    """Return an animated PNG of so many frames, which claims to have others."""
    data = written(side)
    size = struct.unpack_from(">I", data, data.index(b"IDAT") - 4)[0]
    at = data.index(b"IDAT")
    pixels = data[at + 4 : at + 4 + size]
    frames = [
        chunk(b"fcTL", struct.pack(">IIIIIHHBB", 2 * n - 1, side, side, 0, 0, 1, 10, 0, 0))
        + chunk(b"fdAT", struct.pack(">I", 2 * n) + pixels)
        for n in range(1, count)
    ]
    first = chunk(b"acTL", struct.pack(">II", claimed, 0)) + chunk(
        b"fcTL", struct.pack(">IIIIIHHBB", 0, side, side, 0, 0, 1, 10, 0, 0)
    )
    return data[:33] + first + data[33:-12] + b"".join(frames) + data[-12:]


def png_that_unpacks_to(megabytes: int, *, ended: bool = True) -> bytes:
    """Return a PNG of one pixel whose compressed pixels go on and on."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    data = SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", packed(megabytes))
    return data + chunk(b"IEND") if ended else data


HOSTILE = {
    "PNG, hundreds of packed texts": lambda: png_with(chunk(b"zTXt", b"a\0\0" + packed(7, b"a")) * 500),
    "PNG, packed texts behind the pixels": lambda: png_with(
        chunk(b"zTXt", b"a\0\0" + packed(7, b"a")) * 500, behind=True
    ),
    "PNG, hundreds of international texts": lambda: png_with(chunk(b"iTXt", b"a\0\1\0\0\0" + packed(7, b"a")) * 500),
    "PNG, a packed colour profile": lambda: png_with(chunk(b"iCCP", b"a\0\0" + packed(500))),
    "PNG, a million chunks": lambda: png_with(chunk(b"tEXt", b"a\0") * 1_000_000),
    "PNG, a million empty parts": lambda: png_with(chunk(b"IDAT") * 1_000_000, behind=True),
    "PNG, a hundred thousand palettes": lambda: png_with(chunk(b"PLTE", bytes(768)) * 100_000),
    "PNG, pixels one byte a chunk, no end": lambda: png_of_small_parts(400_000),
    "PNG, a raw profile of two gigabytes": lambda: _raw_profile(2**31 - 1),
    "PNG, a raw profile of less than none": lambda: _raw_profile(-1),
    "PNG, a raw profile that is shorter than its head": lambda: _raw_profile(3, b"abc"),
    "PNG, metadata of many strings": lambda: png_with(chunk(b"eXIf", exif_of_strings(7_000_000, 60_000))),
    "PNG, thousands of frames": lambda: png_of_frames(20_000, 20_000),
    "PNG, frames without number": lambda: png_of_frames(2, 2**31 - 1),
    "PNG, pixels that go on": lambda: png_that_unpacks_to(1000),
    "PNG, pixels that go on, no end": lambda: png_that_unpacks_to(1000, ended=False),
}


def exif_of_strings(size: int, count: int) -> bytes:
    """Return metadata of so many texts, each of them all that lies behind."""
    tags = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x8298) * (count // 6)
    begin = 10 + 12 * len(tags)
    entries = b"".join(struct.pack("<HHII", tag, 2, size, begin) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(size)
