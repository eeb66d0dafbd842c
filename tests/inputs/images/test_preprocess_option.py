"""What people say of a preprocessing: names, own values, and the words in which one is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.errors import UsageError
from compsel.inputs.images.conventions import CONVENTIONS
from compsel.inputs.images.image_input import ImageInput, image_input
from compsel.inputs.images.preprocess_option import describe, parse_preprocess
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.tensor_specs import TensorSpec

TAKEN = ImageInput("NCHW", 224, 224, 3, "float32")
OPEN = ImageInput("NHWC", None, None, 3, "float32")


@pytest.mark.parametrize("name", sorted(CONVENTIONS))
@pytest.mark.parametrize("taken", [TAKEN, OPEN, ImageInput("NCHW", 28, 28, 1, "float32")])
def test_every_name_can_be_told_and_read_again(name: str, taken: ImageInput) -> None:
    found = parse_preprocess(name, taken)
    assert found.layout == taken.layout and found.resolution == taken.resolution(224)
    again = parse_preprocess(describe(found), taken)
    np.testing.assert_allclose([*again.mean, *again.std], [*found.mean, *found.std], rtol=2e-3)
    assert (again.channels, again.fit, again.interpolation) == (found.channels, found.fit, found.interpolation)
    assert again.crop_fraction == pytest.approx(found.crop_fraction, abs=0.02)


def test_own_values() -> None:
    found = parse_preprocess(
        "resize=256,crop=224,mean=0.485/0.456/0.406,std=0.229/0.224/0.225,order=bgr,interpolation=bicubic", TAKEN
    )
    assert found == ImagePreprocessing(
        (224, 224), 0.875, "crop", "bicubic", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375), "BGR"
    )
    assert parse_preprocess("resize=256x256,mean=127.5,std=127.5", TAKEN).fit == "stretch"
    assert parse_preprocess("mean=104/117/123", TAKEN).std == (1.0,) * 3
    assert parse_preprocess("mean=0,std=1", TAKEN).std == (255.0,) * 3
    assert parse_preprocess("mean=0,std=1,range=255", TAKEN).std == (1.0,) * 3
    assert parse_preprocess("resize=320,crop=288", OPEN).resolution == (288, 288)
    named = parse_preprocess("caffe, resize=224, order=rgb", TAKEN)
    assert (named.channels, named.crop_fraction, named.mean[0]) == ("RGB", 1.0, 103.939)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("torchvison", "got 'torchvison', allowed are auto, a name .torchvision, timm"),
        ("", "allowed are auto"),
        ("size=3", "got 'size=3', allowed are resize=, crop="),
        ("crop", "got 'crop', allowed are auto"),
        ("torchvision,bgr", "got 'bgr', allowed are resize="),
        ("crop=224,crop=224", "got crop twice"),
        ("crop=200", "got crop=200, but the model's input is 224x224"),
        ("resize=200", "got resize=200, but the model's input is 224x224"),
        ("resize=256x300", "larger in the same proportion"),
        ("crop=0", "got crop=0, allowed is the side"),
        ("mean=1/2", "got mean=1/2, allowed is one number or three"),
        ("mean=a", "got mean=a"),
        ("std=0", "std > 0"),
        ("order=gbr", "allowed are RGB, BGR"),
        ("order=gray", "got order=gray, but the model's input has 3 channels"),
        ("layout=nhwc", "got layout=nhwc, but the model's input is nchw"),
        ("interpolation=nearest", "allowed are bilinear, bicubic, area"),
        ("mean=0.5,range=2", "got range=2, allowed is 1 or 255"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_preprocess(text, TAKEN)


@given(st.tuples(*[st.floats(0, 255)] * 3), st.tuples(*[st.floats(0.5, 255)] * 3), st.sampled_from(["RGB", "BGR"]))
def test_numbers_are_told_as_they_are_read(mean: tuple[float, ...], std: tuple[float, ...], channels: str) -> None:
    ours = ImagePreprocessing((224, 224), mean=mean, std=std, channels=channels)
    again = parse_preprocess(describe(ours), TAKEN)
    np.testing.assert_allclose([*again.mean, *again.std], [*mean, *std], rtol=2e-3, atol=0.01)


@pytest.mark.parametrize(
    ("shape", "dtype", "found"),
    [
        ((None, 3, 224, 160), "float32", ("NCHW", 224, 160, 3)),
        ((1, 224, 224, 3), "uint8", ("NHWC", 224, 224, 3)),
        ((None, 1, 28, 28), "float16", ("NCHW", 28, 28, 1)),
        ((None, 3, None, None), "float32", ("NCHW", None, None, 3)),
        ((8, 3, 224, 224), "float32", None),
        ((None, 3, 2, 2), "float32", None),
        ((None, 64, 56, 56), "float32", None),
        ((None, 3, 224), "float32", None),
        ((None, 3, 224, 224), "int64", None),
    ],
)
def test_what_a_model_takes(shape: tuple[int | None, ...], dtype: str, found: tuple[object, ...] | None) -> None:
    taken = image_input([TensorSpec("x", dtype, shape)])
    assert (None if taken is None else (taken.layout, taken.height, taken.width, taken.channels)) == found


SIDES = st.integers(24, 600)


@given(st.tuples(SIDES, SIDES), st.floats(0.5, 1.0), st.sampled_from(["crop", "stretch"]), st.booleans())
def test_what_is_cut_out_of_a_picture_is_told_as_it_is_read(
    resolution: tuple[int, int], crop_fraction: float, fit: str, fixed: bool
) -> None:
    ours = ImagePreprocessing(resolution, crop_fraction, fit)
    taken = ImageInput("NCHW", *(resolution if fixed else (None, None)), 3, "float32")
    again = parse_preprocess(describe(ours), taken)
    assert (again.resolution, again.fit) == (resolution, fit)
    assert again.crop_fraction == pytest.approx(crop_fraction, abs=0.03)
