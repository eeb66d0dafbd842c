"""No bound of work stops a picture of a normal encoder: Pillow's and OpenCV's writers, their modes and settings."""

import io
import itertools
import warnings
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
import tifffile
from PIL import Image, PngImagePlugin

from compsel.inputs.images.decoding import decode

PHOTOGRAPH = np.ascontiguousarray(skimage.data.astronaut()[:200, :300])
NOISE = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
_MODES = {
    "JPEG": ("L", "RGB", "CMYK"), "PNG": ("1", "L", "LA", "I;16", "P", "RGB", "RGBA"), "WEBP": ("RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB"), "GIF": ("1", "L", "P", "RGB"), "TIFF": ("1", "L", "I;16", "P", "RGB", "RGBA"),
}  # fmt: skip
_TIFF_COMPRESSIONS = (None, "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits", "jpeg", "raw")


def written(picture: np.ndarray | Image.Image, kind: str, **options: Any) -> bytes:
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def in_mode(picture: np.ndarray, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(picture[:, :, 0].astype(np.uint16) * 257)
    return Image.fromarray(picture).convert(mode)


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in _MODES.items() for mode in modes])
@pytest.mark.parametrize("picture", [PHOTOGRAPH, NOISE, NOISE[:1, :1], NOISE[:1], NOISE[:, :1]])
def test_every_mode(kind: str, mode: str, picture: np.ndarray) -> None:
    assert decode(written(in_mode(picture, mode), kind)).shape == picture.shape


@pytest.mark.parametrize("quality", [1, 75, 100])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("other", [{}, {"optimize": True}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 1}])
def test_every_setting_of_progressive_jpeg(quality: int, subsampling: str, other: dict[str, Any]) -> None:
    data = written(PHOTOGRAPH, "JPEG", progressive=True, quality=quality, subsampling=subsampling, **other)
    assert decode(data).shape == PHOTOGRAPH.shape


@pytest.mark.parametrize("compression", _TIFF_COMPRESSIONS)
@pytest.mark.parametrize("pages", [1, 60])
def test_tiff_of_every_compression_and_of_many_pages(compression: str | None, pages: int) -> None:
    others = [Image.fromarray(PHOTOGRAPH[: 20 + page]) for page in range(pages - 1)]
    with warnings.catch_warnings(action="ignore"):
        data = written(PHOTOGRAPH, "TIFF", compression=compression, save_all=True, append_images=others)
    assert decode(data).shape == PHOTOGRAPH.shape


@pytest.mark.parametrize("compression", [cv2.IMWRITE_TIFF_COMPRESSION_NONE, cv2.IMWRITE_TIFF_COMPRESSION_LZW])
@pytest.mark.parametrize("rows", [1, 16, 200, 5000])
def test_tiff_of_strips(rows: int, compression: int) -> None:
    options = [cv2.IMWRITE_TIFF_ROWSPERSTRIP, rows, cv2.IMWRITE_TIFF_COMPRESSION, compression]
    data = cv2.imencode(".tiff", PHOTOGRAPH[:, :, ::-1], options)[1].tobytes()
    np.testing.assert_array_equal(decode(data), PHOTOGRAPH)


@pytest.mark.parametrize("tile", [32, 256])
def test_tiled_tiff(tile: int) -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, PHOTOGRAPH, tile=(tile, tile), photometric="rgb")
    np.testing.assert_array_equal(decode(stream.getvalue()), PHOTOGRAPH)


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("order", "<>")
def test_tiff_of_either_byte_order_and_offset(bigtiff: bool, order: str) -> None:
    stream = io.BytesIO()
    stack = np.repeat(PHOTOGRAPH[None], 20, 0)
    tifffile.imwrite(stream, stack, bigtiff=bigtiff, byteorder=order, photometric="rgb", metadata={"a": "b" * 5000})
    np.testing.assert_array_equal(decode(stream.getvalue()), PHOTOGRAPH)


@pytest.mark.parametrize("level", [0, 1, 9])
def test_png_of_every_level_with_texts_and_a_profile(level: int) -> None:
    texts = PngImagePlugin.PngInfo()
    for number in range(50):
        texts.add_text(f"plain {number}", "a" * 100)
        texts.add_text(f"packed {number}", "a" * 10_000, zip=True)
        texts.add_itxt(f"international {number}", "ä" * 1000, zip=True)
    profile = bytes(3000)
    for picture in (PHOTOGRAPH, NOISE):
        data = written(picture, "PNG", compress_level=level, pnginfo=texts, icc_profile=profile)
        np.testing.assert_array_equal(decode(data), picture)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animations_of_many_frames(kind: str) -> None:
    frames = [Image.fromarray(np.roll(PHOTOGRAPH[:40, :40], shift, 1)) for shift in range(100)]
    data = written(frames[0], kind, save_all=True, append_images=frames[1:], duration=20)
    assert decode(data).shape == (40, 40, 3)


@pytest.mark.parametrize(
    ("ending", "channels"),
    [
        *itertools.product((".png", ".webp", ".bmp", ".tiff"), (1, 3, 4)),
        *((".jpg", 1), (".jpg", 3), (".gif", 3), (".gif", 4)),
    ],
)
def test_what_opencv_writes(ending: str, channels: int) -> None:
    pixels = np.dstack([NOISE, NOISE[:, :, :1]])[:, :, :channels]
    assert decode(cv2.imencode(ending, pixels)[1].tobytes()).shape == NOISE.shape
