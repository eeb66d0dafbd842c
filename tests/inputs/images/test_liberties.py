"""Liberties that cameras and programs take with formats, as Pillow, or a browser, reads them."""

import io
import struct
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from compsel.errors import ImageError
from compsel.inputs.images.decoding import decode

ROWS, COLUMNS = np.mgrid[0:48, 0:64]
PIXELS = np.stack([COLUMNS * 4, ROWS * 5, (COLUMNS + ROWS) * 2], -1).astype(np.uint8)
PICTURE = Image.fromarray(PIXELS)
_MOST_DIFFERENCE = 3  # of the decoders of a JPEG


def encoded(kind: str, picture: Image.Image = PICTURE, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def rotated(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def chunk(kind: bytes, content: bytes, *, right: bool = True) -> bytes:
    checksum = zlib.crc32(kind + content) ^ (not right)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


JPEG, PNG, WEBP, GIF = encoded("JPEG", quality=90), encoded("PNG"), encoded("WEBP", lossless=True), encoded("GIF")
_APP0_END = 4 + struct.unpack(">H", JPEG[4:6])[0]
_IDAT = PNG.index(b"IDAT")
_IDAT_END = _IDAT + 4 + struct.unpack(">I", PNG[_IDAT - 4 : _IDAT])[0]


def interlaced() -> bytes:
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    rows = [row for x, y, dx, dy in passes for row in PIXELS[y::dy, x::dx]]
    header = struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 1)
    content = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return PNG[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


AS_PILLOW: dict[str, bytes] = {
    "JPEG, progressive": encoded("JPEG", progressive=True),
    "JPEG, grey": encoded("JPEG", PICTURE.convert("L")),
    "JPEG, CMYK of Adobe": encoded("JPEG", PICTURE.convert("CMYK")),
    "JPEG, no end": JPEG[:-2],
    "JPEG, a trailer": JPEG + b"SEFT" * 50,
    "JPEG, a trailer instead of the end": JPEG[:-2] + b"SEFT" * 50,
    "JPEG, fill bytes": JPEG[:2] + b"\xff\xff\xff" + JPEG[2:],
    "JPEG, bytes between segments": JPEG[:_APP0_END] + b"\0\0\0" + JPEG[_APP0_END:],
    "JPEG, bytes before the end": JPEG[:-2] + bytes(4) + JPEG[-2:],
    "JPEG, no JFIF": JPEG[:2] + JPEG[_APP0_END:],
    "JPEG, Adobe's marker": JPEG[:2] + segment(0xEE, b"Adobe\0\x64\0\0\0\0\1") + JPEG[_APP0_END:],
    "JPEG, odd profile": JPEG[:2] + segment(0xE2, b"ICC_PROFILE\0\1\1garbage") + JPEG[2:],
    "JPEG, odd metadata": JPEG[:2] + segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff") + JPEG[2:],
    "JPEG, turned": encoded("JPEG", exif=rotated(6)),
    "JPEG, turned and mirrored": encoded("JPEG", exif=rotated(7)),
    "JPEG, several pictures": encoded("MPO", save_all=True, append_images=[PICTURE.rotate(5)]),
    "JPEG, RGB": encoded("JPEG", keep_rgb=True),
    "PNG, no end": PNG[:-12],
    "PNG, half an end": PNG[:-3],
    "PNG, odd checksum of the end": PNG[:-1] + bytes([PNG[-1] ^ 1]),
    "PNG, odd checksum of the pixels": PNG[:_IDAT_END] + bytes(4) + PNG[_IDAT_END + 4 :],
    "PNG, a trailer": PNG + b"trailer" * 9,
    "PNG, interlaced": interlaced(),
    "PNG, interlaced, no end": interlaced()[:-12],
    "PNG, palette": encoded("PNG", PICTURE.quantize(32)),
    "PNG, palette, no end": encoded("PNG", PICTURE.quantize(32))[:-12],
    "PNG, palette with transparency": encoded("PNG", PICTURE.quantize(16), transparency=bytes(range(0, 160, 10))),
    "PNG, one bit": encoded("PNG", PICTURE.convert("1")),
    "PNG, a transparent colour": encoded("PNG", transparency=(0, 0, 0)),
    "PNG, odd profile": PNG[:33] + chunk(b"iCCP", b"x\0\0garbage") + PNG[33:],
    "PNG, turned": encoded("PNG", exif=rotated(6)),
    "PNG, animated": encoded("PNG", save_all=True, append_images=[PICTURE.rotate(9)]),
    "WebP, animated": encoded("WEBP", save_all=True, append_images=[PICTURE.rotate(9)], lossless=True),
    "WebP, turned": encoded("WEBP", lossless=True, exif=rotated(6)),
    "WebP, a trailer": WEBP + b"xx" * 9,
    "GIF, animated": encoded("GIF", save_all=True, append_images=[PICTURE.rotate(90)]),
    "GIF, no end": GIF[:-1],
    "GIF, a trailer": GIF + b"xxxx",
    "BMP, no size": encoded("BMP")[:2] + bytes(4) + encoded("BMP")[6:],
    "BMP, palette": encoded("BMP", PICTURE.quantize(16)),
    "TIFF, LZW": encoded("TIFF", compression="tiff_lzw"),
    "TIFF, several pictures": encoded("TIFF", save_all=True, append_images=[PICTURE.rotate(9)]),
    "TIFF, turned": encoded("TIFF", exif=rotated(6)),
}
AS_A_BROWSER = {
    "PNG, odd checksum of a text": PNG[:33] + chunk(b"tEXt", b"a\0b", right=False) + PNG[33:],
    "PNG, odd checksum of a private part": PNG[:33] + chunk(b"prVt", b"xx", right=False) + PNG[33:],
    "PNG, a text that is cut off": PNG[:-12] + chunk(b"tEXt", b"a\0b" * 9)[:-7],
}
CHANGED = {
    "PNG, pixels cut off": PNG[: _IDAT_END - 6],
    "PNG, a changed byte": PNG[: _IDAT + 40] + bytes([PNG[_IDAT + 40] ^ 0x55]) + PNG[_IDAT + 41 :],
    "PNG, odd checksum of the header": PNG[:29] + bytes(4) + PNG[33:],
    "PNG, no pixels": PNG[:33] + PNG[-12:],
    "PNG, no pixels and no end": PNG[:33],
    "GIF, pixels cut off": GIF[: len(GIF) // 2],
    "JPEG, pixels cut off": JPEG[: len(JPEG) // 2],
}


@pytest.mark.parametrize("name", AS_PILLOW)
def test_what_pillow_reads_is_read_alike(name: str) -> None:
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(AS_PILLOW[name])) as opened:
        wanted = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"), int)
    got = decode(AS_PILLOW[name])
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= _MOST_DIFFERENCE


@pytest.mark.parametrize("name", AS_A_BROWSER)
def test_what_a_browser_reads_is_read(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    np.testing.assert_array_equal(decode(AS_A_BROWSER[name]), PIXELS)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", CHANGED)
def test_what_lacks_pixels_is_still_refused(name: str) -> None:
    with pytest.raises(ImageError):
        decode(CHANGED[name])
