"""Files that are decoded late: no more finely than needed, once, and with the same result as decoding in full."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.ExifTags
import PIL.Image
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from compsel.errors import ImageError
from compsel.inputs.image import IMAGE
from compsel.inputs.images.decoding import decode
from compsel.inputs.images.encoded import EncodedImage
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.images.reduction import REDUCTIONS

PHOTOGRAPH = np.ascontiguousarray(skimage.data.astronaut()[:, :400])  # 512 x 400
COARSE = np.asarray(cv2.resize(PHOTOGRAPH, (5, 5), interpolation=cv2.INTER_AREA))


def encoded(image: np.ndarray | PIL.Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    picture = PIL.Image.fromarray(image) if isinstance(image, np.ndarray) else image
    stream = io.BytesIO()
    picture.save(stream, kind, **({"quality": 95, "subsampling": 0} if kind == "JPEG" else {}), **options)
    return stream.getvalue()


def oriented(orientation: int) -> PIL.Image.Exif:
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = orientation
    return exif


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The flags of every call of the decoder."""
    flags: list[int] = []
    real = cv2.imdecode

    def noted(buffer: np.ndarray, flag: int) -> Any:
        flags.append(flag)
        return real(buffer, flag)

    monkeypatch.setattr(cv2, "imdecode", noted)
    yield flags


@st.composite
def cases(draw: st.DrawFn) -> tuple[tuple[int, int], int, ImagePreprocessing]:
    """Give a size, an orientation, and a preprocessing which a reduced picture is enough for."""
    resolution = draw(st.tuples(st.integers(32, 64), st.integers(32, 64)))
    fraction = draw(st.floats(0.6, 1.0))
    least = int(3.5 * max(resolution) / fraction) + 1
    size = draw(st.tuples(st.integers(least, 3 * least), st.integers(least, 3 * least)))
    return (
        size,
        draw(st.integers(1, 8)),
        ImagePreprocessing(
            resolution,
            crop_fraction=fraction,
            fit=draw(st.sampled_from(["crop", "stretch"])),
            interpolation=draw(st.sampled_from(["bilinear", "bicubic", "area"])),
        ),
    )


@settings(max_examples=60, deadline=None)
@given(cases())
def test_reduced_decoding_gives_nearly_the_pixels_of_full_decoding(
    case: tuple[tuple[int, int], int, ImagePreprocessing],
) -> None:
    (height, width), orientation, preprocessing = case
    assert preprocessing.reduction(height, width) > 1
    image = cv2.resize(COARSE, (width, height), interpolation=cv2.INTER_LINEAR)
    data = encoded(image, exif=oriented(orientation))
    file = EncodedImage(data)
    reduced, full = preprocessing.pixels(file), preprocessing.pixels(decode(data))
    assert file.decode(8).reduction > 1
    assert np.abs(reduced.astype(int) - full).mean() < 7


@settings(max_examples=60, deadline=None)
@given(cases())
def test_crop_of_a_reduced_picture_is_the_same_part_of_the_image(
    case: tuple[tuple[int, int], int, ImagePreprocessing],
) -> None:
    """A ramp shows where every pixel comes from."""
    (height, width), orientation, preprocessing = case
    ramp = np.zeros((height, width, 3), np.uint8)
    ramp[:, :, 0], ramp[:, :, 1] = np.linspace(0, 255, width)[None], np.linspace(0, 255, height)[:, None]
    data = encoded(ramp, exif=oriented(orientation))
    reduced, full = preprocessing.pixels(EncodedImage(data)).astype(float), preprocessing.pixels(decode(data))
    reduction = preprocessing.reduction(height, width)
    for channel, side in ((0, width), (1, height)):
        moved = np.abs(reduced[:, :, channel].mean() - full[:, :, channel].mean()) * side / 255
        assert moved <= 1.01 * reduction + 0.005 * side
        spread, whole = (np.ptp(pixels[:, :, channel].mean(axis=(0,))) for pixels in (reduced, full.astype(float)))
        assert abs(spread - whole) * side / 255 <= 2 * reduction + 0.01 * side


def means(whole: np.ndarray, reduction: int) -> np.ndarray:
    """The means of blocks; the decoder repeats the last row and column to fill them."""
    below, right = (-side % reduction for side in whole.shape[:2])
    padded = cv2.copyMakeBorder(whole, 0, below, 0, right, cv2.BORDER_REPLICATE)
    size = padded.shape[1] // reduction, padded.shape[0] // reduction
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("orientation", "size"), [(1, (509, 397)), (3, (512, 400)), (6, (512, 400)), (8, (512, 400))])
def test_reduced_picture_has_the_means_of_the_whole_one(
    reduction: int, orientation: int, size: tuple[int, int]
) -> None:
    data = encoded(PHOTOGRAPH[: size[0], : size[1]], exif=oriented(orientation))
    whole = decode(data)
    picture = EncodedImage(data).decode(reduction)
    height, width = whole.shape[:2]
    assert (picture.height, picture.width, picture.reduction) == (height, width, reduction)
    assert picture.pixels.shape == (-(-height // reduction), -(-width // reduction), 3)
    assert picture.pixels.flags.c_contiguous
    assert np.abs(picture.pixels.astype(int) - means(whole, reduction)).mean() < 1


@pytest.mark.parametrize(
    "data",
    [
        encoded(PIL.Image.fromarray(PHOTOGRAPH).convert("CMYK")),
        encoded(PIL.Image.fromarray(PHOTOGRAPH).convert("L")),
        encoded(PHOTOGRAPH, progressive=True),
        encoded(PHOTOGRAPH, restart_marker_rows=1),
        encoded(PHOTOGRAPH) + b"appended by a camera",
    ],
    ids=["cmyk", "grey", "progressive", "restart", "trailing"],
)
def test_other_jpegs_are_the_same_picture_at_every_scale(data: bytes) -> None:
    whole = decode(data)
    for reduction in REDUCTIONS:
        pixels = EncodedImage(data).decode(reduction).pixels
        assert np.abs(pixels.astype(int) - means(whole, reduction)).mean() < 1


_SEED = encoded(PHOTOGRAPH[:96, :80])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damage_gives_the_same_at_every_scale(draw: st.DataObject) -> None:
    data = bytearray(_SEED)
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    data = data[: draw.draw(st.sampled_from([len(data), len(data) - 2, len(data) // 2]))]
    said = set()
    for reduction in REDUCTIONS:
        try:
            picture = EncodedImage(data, max_pixels=1_000_000).decode(reduction)
            said.add((picture.height, picture.width))
        except ImageError as error:
            said.add(str(error))
    assert len(said) == 1


def test_header_is_checked_at_once_and_pixels_are_decoded_late(decodings: list[int], tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(PHOTOGRAPH))
    image = EncodedImage(path)
    assert (image.format, image.width, image.height, IMAGE.size(image)) == ("JPEG", 400, 512, 400.0 * 512)
    assert not decodings
    path.write_bytes(encoded(PHOTOGRAPH)[:-9])
    with pytest.raises(ImageError, match=r"photo\.jpg: truncated"):
        EncodedImage(path)
    decodings.clear()  # without the mark of its end, decoding alone tells whether a JPEG is whole
    with pytest.raises(ImageError, match="too large"):
        EncodedImage(encoded(PHOTOGRAPH), max_pixels=1000)
    assert not decodings


def test_several_readers_are_served_by_one_decoding(decodings: list[int]) -> None:
    small, large = ImagePreprocessing((48, 48)), ImagePreprocessing((96, 96), crop_fraction=0.875)
    image = EncodedImage(encoded(PHOTOGRAPH))
    IMAGE.decode_for(image, (small, None, large))
    assert small.pixels(image).shape == (48, 48, 3) and large.pixels(image).shape == (96, 96, 3)
    assert len(decodings) == 1 and image.decode(8).reduction == 2


def test_finer_picture_is_decoded_anew_and_kept(decodings: list[int]) -> None:
    image = EncodedImage(encoded(PHOTOGRAPH))
    assert [image.decode(reduction).reduction for reduction in (8, 2, 4, 1, 8)] == [8, 2, 2, 1, 1]
    assert len(decodings) == 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF"])
def test_other_formats_are_decoded_in_full(kind: str) -> None:
    data = encoded(PHOTOGRAPH, kind)
    picture = EncodedImage(data).decode(8)
    assert picture.reduction == 1
    np.testing.assert_array_equal(picture.pixels, decode(data))


@given(st.integers(1, 6000), st.integers(1, 6000), st.integers(1, 300), st.floats(0.05, 1.0))
def test_no_crop_gets_less_than_the_margin(height: int, width: int, side: int, fraction: float) -> None:
    for fit in ("crop", "stretch"):
        preprocessing = ImagePreprocessing((side, side), crop_fraction=fraction, fit=fit)
        reduction = preprocessing.reduction(height, width)
        assert reduction == preprocessing.reduction(width, height)
        assert reduction == 1 or fraction * min(height, width) / reduction >= 1.75 * side
        assert reduction == 8 or fraction * min(height, width) / (2 * reduction) < 1.75 * side


@pytest.mark.parametrize("shape", [(2000, 1800), (1999, 2411)])
def test_large_arrays_are_reduced_to_nearly_their_means(shape: tuple[int, int]) -> None:
    image = np.asarray(cv2.resize(PHOTOGRAPH, shape[::-1], interpolation=cv2.INTER_LINEAR))
    preprocessing = ImagePreprocessing((64, 64))
    side = min(shape)
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    crop = image[top : top + side, left : left + side]
    wanted = cv2.resize(crop, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(preprocessing.pixels(image).astype(int) - wanted).mean() < 3


@pytest.mark.parametrize("side", [60, 90, 100])
def test_what_the_decoder_reduced_is_not_blurred_once_more(side: int) -> None:
    """Whatever the network's interpolation is: the decoder took means, as full decoding does for such a reduction."""
    data = encoded(PHOTOGRAPH)
    bilinear, bicubic, area = (
        ImagePreprocessing((side, side), interpolation=kind) for kind in ("bilinear", "bicubic", "area")
    )
    assert bilinear.reduction(512, 400) > 1
    reduced = bilinear.pixels(EncodedImage(data))
    for other in (bicubic, area):
        np.testing.assert_array_equal(other.pixels(EncodedImage(data)), reduced)
    full = area.pixels(decode(data))
    detail, wanted = (float(cv2.Laplacian(pixels, cv2.CV_64F).std()) for pixels in (reduced, full))
    assert 0.85 < detail / wanted < 1.25
