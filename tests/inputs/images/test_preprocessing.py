import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compsel.errors import InputError, ModelError
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.modalities import preprocessing_from_json

SIDES = st.integers(1, 40)
TRIPLES = st.tuples(*[st.floats(-300, 300, width=32)] * 3)
POSITIVE = st.tuples(*[st.floats(0.0625, 300, width=32)] * 3)
PREPROCESSINGS = st.builds(
    ImagePreprocessing,
    resolution=st.tuples(SIDES, SIDES),
    crop_fraction=st.floats(0.05, 1.0),
    fit=st.sampled_from(["crop", "stretch"]),
    interpolation=st.sampled_from(["bilinear", "bicubic", "area"]),
    mean=TRIPLES | st.floats(0, 255, width=32).map(lambda value: (value,) * 3),
    std=POSITIVE | st.floats(0.0625, 255, width=32).map(lambda value: (value,) * 3),
    channels=st.sampled_from(["RGB", "BGR"]),
    layout=st.sampled_from(["NCHW", "NHWC"]),
)


def image_of(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@given(PREPROCESSINGS)
def test_json_round_trip(preprocessing):
    assert preprocessing_from_json(preprocessing.to_json()) == preprocessing


@given(PREPROCESSINGS, st.integers(1, 120), st.integers(1, 120))
def test_any_image_becomes_pixels_of_the_resolution_and_a_tensor(preprocessing, height, width):
    pixels = preprocessing.pixels(image_of(height, width))
    assert (pixels.shape, pixels.dtype) == ((*preprocessing.resolution, 3), np.uint8)
    assert pixels.flags.c_contiguous
    tensor = preprocessing.tensor(image_of(height, width))
    shape = (1, 3, *preprocessing.resolution) if preprocessing.layout == "NCHW" else (1, *preprocessing.resolution, 3)
    assert (tensor.shape, tensor.dtype) == (shape, np.float32)
    assert np.isfinite(tensor).all()


@given(PREPROCESSINGS)
def test_normalisation_is_that_of_each_channel(preprocessing):
    pixels = image_of(*preprocessing.resolution)
    tensor = preprocessing.normalise(pixels)[0]
    planes = tensor if preprocessing.layout == "NCHW" else tensor.transpose(2, 0, 1)
    for channel, source in enumerate((0, 1, 2) if preprocessing.channels == "RGB" else (2, 1, 0)):
        wanted = (pixels[:, :, source].astype(np.float32) - np.float32(preprocessing.mean[channel])) / np.float32(
            preprocessing.std[channel]
        )
        np.testing.assert_array_equal(planes[channel], wanted)


def centre_crop(image: np.ndarray, resolution: tuple[int, int], fraction: float) -> np.ndarray:
    """Find the largest centred box with the aspect ratio of the resolution by trying, then shrink it."""
    height, width = image.shape[:2]
    scale = 0.0
    while resolution[0] * (scale + 1e-3) <= height and resolution[1] * (scale + 1e-3) <= width:
        scale += 1e-3
    rows, columns = (max(1, round(side * scale * fraction)) for side in resolution)
    top, left = (height - rows) // 2, (width - columns) // 2
    return image[top : top + rows, left : left + columns]


@settings(max_examples=50)
@given(
    st.tuples(st.integers(4, 12), st.integers(4, 12)),
    st.integers(1, 5),
    st.integers(0, 30),
    st.booleans(),
)
def test_the_crop_is_the_centre_in_the_wanted_aspect_ratio(resolution, factor, surplus, wide):
    rows, columns = (side * factor for side in resolution)
    height, width = (rows, columns + surplus) if wide else (rows + surplus, columns)
    image = image_of(height, width)
    wanted = centre_crop(image, resolution, 1.0)
    assert wanted.shape == (rows, columns, 3)
    # taken at its own size, the crop comes out as it is
    exact = ImagePreprocessing((rows, columns))
    np.testing.assert_array_equal(exact.pixels(image), wanted)


@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.875])
def test_a_crop_fraction_takes_that_share_of_each_side(fraction):
    image = image_of(64, 96)
    side = int(64 * fraction)
    top, left = (64 - side) // 2, (96 - side) // 2
    # at the size of the crop nothing is resized
    pixels = ImagePreprocessing((side, side), crop_fraction=fraction).pixels(image)
    np.testing.assert_array_equal(pixels, image[top : top + side, left : left + side])


def test_reductions_average_areas_and_lose_no_pixel():
    image = image_of(96, 96)
    blocks = image.reshape(8, 12, 8, 12, 3).astype(np.float64).mean(axis=(1, 3))
    for interpolation in ("bilinear", "bicubic", "area"):
        pixels = ImagePreprocessing((8, 8), interpolation=interpolation).pixels(image)
        assert np.abs(pixels - blocks).max() <= 0.51


def test_bilinear_enlargement_is_that_of_pixel_centres():
    image = image_of(5, 7)
    pixels = ImagePreprocessing((10, 14)).pixels(image)
    rows, columns = ((np.arange(n) + 0.5) / 2 - 0.5 for n in (10, 14))
    for row, y in enumerate(rows):
        for column, x in enumerate(columns):
            y0, x0 = int(np.floor(y)), int(np.floor(x))
            corners = image[np.clip([[y0], [y0 + 1]], 0, 4), np.clip([[x0, x0 + 1]], 0, 6)].astype(float)
            fy, fx = y - y0, x - x0
            wanted = (
                corners[0, 0] * (1 - fy) * (1 - fx)
                + corners[0, 1] * (1 - fy) * fx
                + corners[1, 0] * fy * (1 - fx)
                + corners[1, 1] * fy * fx
            )
            assert np.abs(pixels[row, column] - wanted).max() <= 1.0


def test_stretch_takes_the_whole_image():
    image = np.zeros((40, 80, 3), np.uint8)
    image[:, 40:] = 200
    pixels = ImagePreprocessing((10, 10), fit="stretch").pixels(image)
    assert (pixels[:, :5] == 0).all()
    assert (pixels[:, 5:] == 200).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (1, 70_000), (2, 3)])
@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_tiny_and_extreme_images(shape, fit):
    colour = np.array([10, 20, 30], np.uint8)
    image = np.broadcast_to(colour, (*shape, 3))
    pixels = ImagePreprocessing((32, 24), fit=fit, interpolation="bicubic").pixels(image)
    assert (pixels == colour).all()


def test_views_are_taken_as_they_look():
    image = image_of(30, 50)
    preprocessing = ImagePreprocessing((8, 8))
    for view in (image[::-1], image[:, ::-1], image[:, :, ::-1], image[5:25:2, 3:40:3], image.transpose(1, 0, 2)):
        np.testing.assert_array_equal(preprocessing.pixels(view), preprocessing.pixels(view.copy()))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("photo.jpg", "got str, allowed is a uint8"),
        (np.zeros((4, 4, 3), np.float32), r"got float32 \(4, 4, 3\)"),
        (np.zeros((4, 4), np.uint8), r"got uint8 \(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"got uint8 \(4, 4, 4\)"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"got uint8 \(1, 4, 4, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), "got an empty one"),
    ],
)
def test_what_is_not_an_image(image, message):
    with pytest.raises(InputError, match=message):
        ImagePreprocessing((4, 4)).pixels(image)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"resolution": (0, 4)}, "resolution"),
        ({"resolution": (4,)}, "resolution"),
        ({"resolution": (4.0, 4.0)}, "resolution"),
        ({"crop_fraction": 0.0}, "crop_fraction"),
        ({"crop_fraction": 1.1}, "crop_fraction"),
        ({"crop_fraction": float("nan")}, "crop_fraction"),
        ({"fit": "pad"}, "got fit 'pad', allowed are crop, stretch"),
        ({"interpolation": "nearest"}, "got interpolation 'nearest', allowed are"),
        ({"channels": "GBR"}, "got channels 'GBR'"),
        ({"layout": "CHWN"}, "got layout 'CHWN'"),
        ({"mean": (1.0,)}, "3 each"),
        ({"std": (1.0, 0.0, 1.0)}, "std > 0"),
        ({"std": (float("nan"),) * 3}, "std > 0"),
        ({"mean": (float("inf"),) * 3}, "3 each"),
    ],
)
def test_settings_that_cannot_be(fields, message):
    with pytest.raises(ModelError, match=message):
        ImagePreprocessing(**{"resolution": (4, 4), **fields})


@pytest.mark.parametrize("change", [{"kind": "audio"}, {"extra": 1}, {"resolution": None}, {"mean": "abc"}])
def test_texts_of_another_kind_are_refused(change):
    content = {**json.loads(ImagePreprocessing((4, 4)).to_json()), **change}
    with pytest.raises(ModelError, match="preprocessing"):
        preprocessing_from_json(json.dumps(content))
