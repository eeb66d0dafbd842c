"""Images: what every source becomes, and what is refused before and after decoding."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import PIL.ExifTags
import PIL.Image
import PIL.ImageOps
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from compsel.errors import ImageError
from compsel.inputs.images.decoding import decode

PHOTOGRAPH = np.ascontiguousarray(skimage.data.astronaut()[:200, :300])
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")


def encoded(image: PIL.Image.Image | np.ndarray, kind: str, **options: object) -> bytes:
    picture = PIL.Image.fromarray(image) if isinstance(image, np.ndarray) else image
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def as_pillow(data: bytes) -> np.ndarray:
    return np.asarray(PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(data))).convert("RGB"))


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_decodes_as_pillow_does(kind: str) -> None:
    data = encoded(PHOTOGRAPH, kind, **({"lossless": True} if kind == "WEBP" else {}))
    image = decode(data)
    assert (image.dtype, image.shape, image.flags.c_contiguous) == (np.uint8, (200, 300, 3), True)
    np.testing.assert_array_equal(image, as_pillow(data))


@pytest.mark.parametrize("mode", ["L", "RGBA", "LA", "P", "1"])
def test_png_of_every_mode_becomes_rgb(mode: str) -> None:
    alpha = np.linspace(0, 255, 300, dtype=np.uint8)[None].repeat(200, 0)
    picture = PIL.Image.fromarray(np.dstack([PHOTOGRAPH, alpha]) if "A" in mode else PHOTOGRAPH).convert(mode)
    data = encoded(picture, "PNG")
    np.testing.assert_array_equal(decode(data), as_pillow(data))


def test_cmyk_jpeg_becomes_rgb() -> None:
    data = encoded(PIL.Image.fromarray(PHOTOGRAPH).convert("CMYK"), "JPEG")
    assert np.abs(decode(data).astype(int) - as_pillow(data)).mean() < 2


def test_sixteen_bits_keep_the_upper_byte() -> None:
    deep = PHOTOGRAPH[:, :, 0].astype(np.uint16) * 256 + 77
    np.testing.assert_array_equal(decode(encoded(deep, "PNG"))[:, :, 1], PHOTOGRAPH[:, :, 0])
    np.testing.assert_array_equal(decode(deep)[:, :, 1], PHOTOGRAPH[:, :, 0])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = orientation
    data = encoded(PHOTOGRAPH, kind, exif=exif)
    np.testing.assert_array_equal(decode(data), as_pillow(data))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits", "jpeg"])
def test_compressed_tiff(compression: str) -> None:
    data = encoded(PHOTOGRAPH, "TIFF", compression=compression)
    np.testing.assert_array_equal(decode(data), as_pillow(data))


def test_animation_gives_its_first_frame() -> None:
    frames = [PIL.Image.fromarray(np.full((20, 30, 3), grey, np.uint8)) for grey in (10, 200)]
    for kind in ("GIF", "WEBP"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert np.abs(decode(data).astype(int) - 10).max() <= 2, kind


def test_path_text_and_bytes_give_the_same(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(PHOTOGRAPH, "PNG"))
    for source in (path, str(path), path.read_bytes(), bytearray(path.read_bytes()), memoryview(path.read_bytes())):
        np.testing.assert_array_equal(decode(source), PHOTOGRAPH)


def test_rgb_array_is_not_copied() -> None:
    assert decode(PHOTOGRAPH) is PHOTOGRAPH
    assert decode(PHOTOGRAPH[:, ::2]).flags.c_contiguous


@pytest.mark.parametrize(
    ("array", "pixel"),
    [
        (np.full((2, 3), 7, np.uint8), (7, 7, 7)),
        (np.full((2, 3, 1), 7, np.uint8), (7, 7, 7)),
        (np.full((2, 3, 2), (7, 99), np.uint8), (7, 7, 7)),
        (np.full((2, 3, 4), (1, 2, 3, 0), np.uint8), (1, 2, 3)),
        (np.full((2, 3), True), (255, 255, 255)),
        (np.full((2, 3, 3), (256, 512, 65535), np.uint16), (1, 2, 255)),
    ],
)
def test_arrays_become_rgb(array: np.ndarray, pixel: tuple[int, int, int]) -> None:
    image = decode(array)
    assert (image.shape, image.dtype, tuple(image[1, 2])) == ((2, 3, 3), np.uint8, pixel)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (np.zeros((2, 3, 3), np.float32), r"float32 array .* scale floats"),
        (np.zeros((2, 3, 3), np.int64), "allowed are uint8, uint16 and bool"),
        (np.zeros((3, 20, 30), np.uint8), "move the channels to the end"),
        (np.zeros((2, 2, 2, 3), np.uint8), "allowed are"),
        (np.zeros((0, 3, 3), np.uint8), "at least one pixel"),
        (17, "got int"),
        (None, "got NoneType"),
        (b"", "empty"),
        (b"no image at all", "not an image: allowed are JPEG"),
        ("no/such/photo.jpg", r"^no/such/photo\.jpg: no such file"),
        ("bad\0name", "cannot be read|no such file"),
        (".", "is a folder"),
    ],
)
def test_what_is_no_image_is_refused(source: object, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        decode(source)  # wrong ones, on purpose


def test_message_begins_with_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "half.jpg"
    data = encoded(PHOTOGRAPH, "JPEG")
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match=r"half\.jpg: truncated"):
        decode(path)


def test_file_that_may_not_be_read_is_an_image_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(PHOTOGRAPH, "PNG"))

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ImageError, match=r"secret\.png: cannot be read: Permission denied"):
        decode(path)


def test_file_that_is_larger_than_any_allowed_image_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.bmp"
    with path.open("wb") as stream:
        stream.truncate(1 << 31)  # a hole: takes no space
    with pytest.raises(ImageError, match="too large"):
        decode(path, max_pixels=1000)


# what is cut off there is the mark of the end alone
_ALL_PIXELS = {("PNG", -3), ("PNG", -1), ("GIF", -1)}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("kept", [0.3, 0.5, 0.9, -3, -1])
def test_truncated_files_are_refused(kind: str, kept: float, capfd: pytest.CaptureFixture[str]) -> None:
    data = encoded(PHOTOGRAPH, kind)
    cut = data[: int(len(data) * kept)] if kept > 0 else data[: int(kept)]
    if (kind, kept) in _ALL_PIXELS:
        np.testing.assert_array_equal(decode(cut), decode(data))
    else:
        with pytest.raises(ImageError, match="truncated"):
            decode(cut)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("options", [{"progressive": True}, {"restart_marker_rows": 1}, {"quality": 5}])
def test_other_jpegs_truncated_and_whole(options: dict[str, int]) -> None:
    data = encoded(PHOTOGRAPH, "JPEG", **options)
    np.testing.assert_array_equal(decode(data), as_pillow(data))
    np.testing.assert_array_equal(decode(data + b"appended by a camera"), as_pillow(data))
    with pytest.raises(ImageError, match="truncated"):
        decode(data[:-2])


def test_jpeg_whose_end_is_a_trailer_of_the_maker_is_whole(capfd: pytest.CaptureFixture[str]) -> None:
    data = encoded(PHOTOGRAPH, "JPEG")
    # panoramas of some phones
    trailer = b"\0\0\x01\x0aPanorama_Shot_Info" + b"SEFH" + bytes(600) + b"SEFT"
    np.testing.assert_array_equal(decode(data[:-2] + trailer), as_pillow(data))
    assert decode(data[:-2] + b"\xff\xe5" + trailer).shape == PHOTOGRAPH.shape
    for half in (data[: len(data) // 2], encoded(PHOTOGRAPH, "JPEG", progressive=True)[:-2]):
        with pytest.raises(ImageError, match="truncated"):
            decode(half + trailer)
    assert capfd.readouterr().err == ""


def test_thumbnail_inside_a_truncated_jpeg_does_not_pass_for_its_end() -> None:
    thumbnail = encoded(PHOTOGRAPH[::8, ::8], "JPEG")
    data = encoded(PHOTOGRAPH, "JPEG")
    inside = data[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + data[2:]
    assert decode(inside).shape == PHOTOGRAPH.shape
    with pytest.raises(ImageError, match="truncated"):
        decode(inside[: len(inside) // 2])


def test_changed_byte_in_a_png_is_found(capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(encoded(PHOTOGRAPH, "PNG"))
    data[len(data) // 2] ^= 0x55
    with pytest.raises(ImageError, match="checksum"):
        decode(data)
    assert capfd.readouterr().err == ""


def _png_that_claims(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [header, b"IDAT" + zlib.compress(b""), b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


def test_bomb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("was decoded"))
    with pytest.raises(ImageError, match=r"too large: got 50000x50000 pixels, allowed are 100000000"):
        decode(_png_that_claims(50_000, 50_000))


@pytest.mark.parametrize("kind", FORMATS)
def test_max_pixels_holds_for_every_format(kind: str) -> None:
    data = encoded(PHOTOGRAPH, kind)
    assert decode(data, max_pixels=60_000).shape == (200, 300, 3)
    with pytest.raises(ImageError, match=r"got 300x200 pixels, allowed are 59999"):
        decode(data, max_pixels=59_999)


@pytest.mark.parametrize("size", [(0, 5), (5, 0)])
def test_image_without_pixels(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="has no pixels"):
        decode(_png_that_claims(*size))


def test_png_whose_header_lies_is_refused() -> None:
    with pytest.raises(ImageError):
        decode(_png_that_claims(30, 20))


def test_level_of_opencv_log_is_left_as_it_was() -> None:
    level = cv2.utils.logging.getLogLevel()
    decode(encoded(PHOTOGRAPH, "PNG"))
    with pytest.raises(ImageError):
        decode(_png_that_claims(30, 20))
    assert cv2.utils.logging.getLogLevel() == level


_SEEDS = [encoded(PHOTOGRAPH[:16, :16], kind) for kind in FORMATS]


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.sampled_from(_SEEDS)), st.data())
def test_any_bytes_give_an_image_or_an_image_error(data: bytes, draw: st.DataObject) -> None:
    changed = bytearray(data)
    for _ in range(draw.draw(st.integers(0, 4))):
        if changed:
            changed[draw.draw(st.integers(0, len(changed) - 1))] = draw.draw(st.integers(0, 255))
    changed = changed[: draw.draw(st.integers(0, len(changed)))] if draw.draw(st.booleans()) else changed
    try:
        image = decode(changed, max_pixels=1_000_000)
    except ImageError:
        return
    assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size > 0


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\0", b"MM\0+", b"BM", b"RIFF\0\0\0\0WEBP"]),
    st.binary(max_size=120),
)
def test_any_bytes_after_a_signature_give_an_image_error(signature: bytes, rest: bytes) -> None:
    try:
        decode(signature + rest, max_pixels=1_000_000)
    except ImageError as error:
        assert str(error).startswith("image: ")
