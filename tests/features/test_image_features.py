"""Image features measure what they are called: each is moved by its own kind of damage."""

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from compsel.features.image import ImageFeatures
from compsel.features.lctes import LctesFeatures
from compsel.inputs.images.encoded import EncodedImage

PHOTOGRAPH = np.ascontiguousarray(cv2.resize(skimage.data.astronaut(), (640, 480)))
EXTRACTOR, PAPER = ImageFeatures(), LctesFeatures()


def described(image: np.ndarray) -> dict[str, float]:
    return dict(zip(EXTRACTOR.names, EXTRACTOR.extract(image).tolist(), strict=True))


def noisy(sigma: float) -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, sigma, PHOTOGRAPH.shape)
    return np.clip(PHOTOGRAPH + noise, 0, 255).astype(np.uint8)


def test_sizes() -> None:
    values = described(PHOTOGRAPH)
    assert values["aspect_ratio"] == pytest.approx(640 / 480)
    assert values["log2_pixels"] == pytest.approx(np.log2(640 * 480))
    assert values["log2_short_side_pixels"] == pytest.approx(np.log2(480))


def test_brightness_and_contrast_are_those_of_the_whole_image() -> None:
    grey = cv2.cvtColor(PHOTOGRAPH, cv2.COLOR_RGB2GRAY)
    values = described(PHOTOGRAPH)
    assert values["brightness"] == pytest.approx(grey.mean(), abs=3)
    assert values["contrast"] == pytest.approx(grey.std(), abs=3)
    assert values["dark_share"] == pytest.approx((grey <= 16).mean(), abs=0.02)
    assert values["bright_share"] == pytest.approx((grey >= 239).mean(), abs=0.02)
    shares = np.bincount(grey.ravel(), minlength=256) / grey.size
    assert values["entropy_bits"] == pytest.approx(-np.sum(shares[shares > 0] * np.log2(shares[shares > 0])), abs=0.2)


def test_more_blur_is_less_sharp() -> None:
    sharpness = [described(cv2.GaussianBlur(PHOTOGRAPH, (0, 0), s))["log_sharpness"] for s in (0.5, 1, 2, 4)]
    assert sharpness == sorted(sharpness, reverse=True)


@pytest.mark.parametrize("sigma", [5.0, 10.0, 20.0])
def test_noise_is_estimated_in_grey_levels(sigma: float) -> None:
    flat = np.clip(128 + np.random.default_rng(3).normal(0, sigma, (300, 300, 1)), 0, 255).astype(np.uint8)
    assert described(np.repeat(flat, 3, axis=2))["noise"] == pytest.approx(sigma, rel=0.05)


def test_more_noise_is_more_noise() -> None:
    noise = [described(noisy(sigma))["noise"] for sigma in (0, 5, 10, 20)]
    assert noise == sorted(noise)


def test_stronger_jpeg_is_more_blocky() -> None:
    blockiness = [
        described(cv2.imdecode(cv2.imencode(".jpg", PHOTOGRAPH, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1))[
            "blockiness"
        ]
        for quality in (95, 50, 20, 5)
    ]
    assert blockiness == sorted(blockiness)
    assert described(noisy(20))["blockiness"] < blockiness[1]


def test_exposure() -> None:
    dark, bright = described(PHOTOGRAPH // 10), described(255 - PHOTOGRAPH // 10)
    assert dark["dark_share"] > 0.5 > dark["bright_share"]
    assert bright["bright_share"] > 0.5 > bright["dark_share"]
    assert dark["dynamic_range"] < described(PHOTOGRAPH)["dynamic_range"]


def test_colour() -> None:
    grey = np.repeat(cv2.cvtColor(PHOTOGRAPH, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)
    assert described(grey)["colourfulness"] == pytest.approx(0, abs=0.5)
    assert described(PHOTOGRAPH)["colourfulness"] > 20
    red = np.zeros((50, 50, 3), np.uint8)
    red[:, :, 0] = 200
    assert described(red)["red_chroma"] > 50
    assert described(red[:, :, ::-1])["blue_chroma"] > 50


def test_motion_blur_has_a_direction() -> None:
    across, down = np.full((1, 15), 1 / 15), np.full((15, 1), 1 / 15)
    still = described(PHOTOGRAPH)["log_anisotropy"]
    assert described(cv2.filter2D(PHOTOGRAPH, -1, across))["log_anisotropy"] < still - 0.5
    assert described(cv2.filter2D(PHOTOGRAPH, -1, down))["log_anisotropy"] > still + 0.5


@settings(max_examples=150, deadline=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
def test_any_image_gives_finite_numbers(image: np.ndarray) -> None:
    assert np.isfinite(EXTRACTOR.extract(image)).all()
    assert np.isfinite(PAPER.extract(image)).all()


def test_the_papers_features_of_a_known_picture() -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    cv2.rectangle(image, (60, 60), (259, 159), (255, 0, 0), thickness=cv2.FILLED)
    values = dict(zip(PAPER.names, PAPER.extract(image).tolist(), strict=True))
    share = 200 * 100 / image[:, :, 0].size
    assert values["avg_perceived_brightness"] == pytest.approx(share * np.sqrt(0.241) * 255, rel=1e-3)
    assert values["hue1"] == 1.0  # black and red have hue 0
    assert values["aspect_ratio"] == pytest.approx(2.0, rel=0.03)
    assert values["area_by_perim"] == pytest.approx(200 * 100 / 600, rel=0.05)
    assert values["n_keypoints"] == 0  # the right angle of a corner leaves less than 9 of FAST's 16 pixels apart
    assert PAPER.extract(PHOTOGRAPH)[0] > 100


def test_the_papers_features_have_the_papers_names() -> None:
    assert PAPER.names == (
        *("n_keypoints", "avg_perceived_brightness", "hue1", "contrast"),
        *("area_by_perim", "edge_length1", "aspect_ratio"),
    )


def test_a_file_is_described_as_its_array_is() -> None:
    image = np.ascontiguousarray(skimage.data.astronaut()[:, :400])
    file = EncodedImage(cv2.imencode(".png", image[:, :, ::-1])[1].tobytes())
    for extractor in (ImageFeatures(), LctesFeatures()):
        np.testing.assert_array_equal(extractor.extract(file), extractor.extract(image))


@pytest.mark.parametrize("first", [1, 2, 4, 8])
def test_a_file_is_described_at_the_same_size_however_finely_it_is_decoded(first: int) -> None:
    """Others may need more pixels than the features do: those of training had only these."""
    large = cv2.resize(skimage.data.astronaut(), (1600, 1200), interpolation=cv2.INTER_CUBIC)
    large = np.clip(large + np.random.default_rng(0).normal(0, 40, large.shape), 0, 255).astype(np.uint8)
    data = cv2.imencode(".jpg", large[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    features = ImageFeatures()
    assert features.reduction(1200, 1600) == 4
    fresh, other = EncodedImage(data), EncodedImage(data)
    wanted = features.extract(fresh)
    assert fresh.decode(8).reduction == 4
    other.decode(first)
    scale = np.maximum(np.abs(wanted), 1.0)
    assert (np.abs(features.extract(other) - wanted) / scale).max() < 0.1
    as_array = features.extract(EncodedImage(data).decode().pixels)
    assert (np.abs(as_array - wanted) / scale)[[name.startswith("log_") for name in features.names]].max() < 0.1
