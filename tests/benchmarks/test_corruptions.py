import cv2
import numpy as np
import pytest
from skimage import data

from benchmarks.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from compsel.errors import InputError

ASTRONAUT = np.ascontiguousarray(data.astronaut()[:320, 60:480])


def made(name, severity=3, seed=0, image=ASTRONAUT):
    return corrupt(image, name, severity, np.random.default_rng(seed))


def distance(image):
    """Root mean squared difference from the photograph, which another size is brought back to."""
    same = cv2.resize(image, ASTRONAUT.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return float(np.sqrt(np.mean((same.astype(float) - ASTRONAUT) ** 2)))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_kind_gets_worse_with_severity_and_can_be_repeated(name):
    distances = [distance(made(name, severity)) for severity in SEVERITIES]
    assert distances == sorted(distances)
    assert distances[0] > 0.5
    image = made(name)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, made(name))
    if name != "stretch":
        assert image.shape == ASTRONAUT.shape


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 40, 3), (64, 2, 3)])
def test_tiny_images_are_corrupted_too(name, shape):
    image = made(name, 5, image=np.full(shape, 90, np.uint8))
    assert image.ndim == 3
    assert image.size > 0


def sharpness(image):
    return cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var()


def test_each_kind_does_what_its_name_says():
    assert made("dark").mean() < 0.6 * ASTRONAUT.mean()
    assert made("bright").mean() > 1.2 * ASTRONAUT.mean()
    assert sharpness(made("noise")) > 1.5 * sharpness(ASTRONAUT)
    for blur in ("defocus", "motion", "low-resolution"):
        assert sharpness(made(blur)) < 0.5 * sharpness(ASTRONAUT)
    height, width = made("stretch").shape[:2]
    assert max(ASTRONAUT.shape[0] / height, ASTRONAUT.shape[1] / width) == pytest.approx(1.8, rel=0.01)


def test_blur_keeps_light():
    image = np.zeros((41, 41, 3), np.uint8)
    image[20, 20] = 255
    light = [((one / 255.0) ** 2.2).sum() for one in (image, made("defocus", 5, image=np.tile(image, (4, 4, 1))))]
    assert light[1] == pytest.approx(16 * light[0], rel=0.5)


@pytest.mark.parametrize(
    ("image", "name", "severity"),
    [(ASTRONAUT, "fog", 1), (ASTRONAUT, "noise", 6), (ASTRONAUT[..., 0], "noise", 1), (ASTRONAUT / 255, "noise", 1)],
)
def test_what_is_no_image_or_no_corruption_is_refused(image, name, severity):
    with pytest.raises(InputError, match="allowed"):
        corrupt(image, name, severity, np.random.default_rng(0))
