"""What cameras do to photographs: blur, noise, bad light, compression, few pixels, stretched sides; seeded.

The kinds and their five severities follow the idea of Hendrycks and Dietterich (ICLR 2019, section 3): corruptions of
an image that leave no doubt what it shows. Light adds up in linear light, so blur, exposure and noise are computed
there (IEC 61966-2-1, the transfer function of sRGB); a lens, a shutter and a sensor do the same. Lengths are shares
of the shorter side, so that an image of any size suffers alike.
"""

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from compsel.errors import InputError

__all__ = ["CORRUPTIONS", "SEVERITIES", "corrupt"]

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
SEVERITIES = (1, 2, 3, 4, 5)

# by severity
_DEFOCUS = (0.003, 0.006, 0.010, 0.015, 0.022)  # radius of the blur, in shorter sides
_MOTION = (0.012, 0.024, 0.040, 0.060, 0.090)  # length of the trail, in shorter sides
_PHOTONS = (900.0, 350.0, 140.0, 60.0, 25.0)  # that white stands for: the square root of it is the noise
_READ_NOISE = (0.002, 0.004, 0.007, 0.012, 0.020)  # of the sensor's electronics, in shares of white
_DARK_STOPS = (1.5, 2.5, 3.5, 4.5, 5.5)  # factors of two less light
_BRIGHT_STOPS = (0.7, 1.2, 1.8, 2.4, 3.0)
_JPEG_QUALITY = (40, 25, 15, 9, 5)
_LOW_RESOLUTION = (0.5, 0.35, 0.25, 0.18, 0.13)  # share of the pixels a side that is kept
_STRETCH = (1.25, 1.5, 1.8, 2.2, 2.7)  # one side over the other, as it was before
_SHORT_EXPOSURE_PHOTONS = 1500.0  # that white stands for where there is too little light


def corrupt(image: Image, name: str, severity: int, generator: np.random.Generator) -> Image:
    """Return what a camera would have made of an image.

    Args:
        image: uint8 (height, width, 3), RGB.
        name: one of `CORRUPTIONS`.
        severity: 1 (hardly to be seen) to 5 (hard to recognise).
        generator: of noise and directions; the same state gives the same image.

    Returns:
        A uint8 RGB image; another height or width only for "stretch".

    Raises:
        InputError: not an image, a name or a severity that does not exist.

    >>> grey = np.full((48, 64, 3), 128, np.uint8)
    >>> corrupt(grey, "dark", 3, np.random.default_rng(0)).mean() < 64
    np.True_
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError("image: allowed is a uint8 (height, width, 3) RGB array")
    if name not in CORRUPTIONS or severity not in SEVERITIES:
        raise InputError(
            f"corruption: got {name!r} of severity {severity}, allowed are {', '.join(CORRUPTIONS)}; severities 1 to 5"
        )
    return CORRUPTIONS[name](image, severity - 1, generator)


def _to_linear(image: Image) -> Floats:
    levels = np.arange(256) / 255.0
    table = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return table[image]


def _from_linear(light: Floats) -> Image:
    light = np.clip(light, 0.0, 1.0)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(encoded * 255.0).astype(np.uint8)


def _shorter_side(image: Image) -> int:
    return int(min(image.shape[:2]))


def _blurred(image: Image, kernel: Floats) -> Image:
    blurred = cv2.filter2D(_to_linear(image), -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101)
    return _from_linear(np.asarray(blurred, np.float32))


def _defocus(image: Image, level: int, generator: np.random.Generator) -> Image:
    """A disc for every point: what a lens out of focus draws."""
    radius = max(0.6, _DEFOCUS[level] * _shorter_side(image))
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    # pixels that the rim crosses count in part
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0.0, 1.0).astype(np.float32)
    return _blurred(image, disc)


def _motion(image: Image, level: int, generator: np.random.Generator) -> Image:
    """A straight trail in any direction, while the shutter is open."""
    length = max(2.0, _MOTION[level] * _shorter_side(image))
    angle = generator.uniform(0.0, np.pi)
    reach = int(np.ceil(length / 2)) + 1
    trail = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for step in np.linspace(-length / 2, length / 2, 4 * reach + 1):
        x, y = reach + step * np.cos(angle), reach + step * np.sin(angle)
        left, top = int(x), int(y)
        for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
            trail[row, column] += (1 - abs(x - column)) * (1 - abs(y - row))
    return _blurred(image, trail)


def _sensed(light: Floats, photons: float, read_noise: float, generator: np.random.Generator) -> Floats:
    """Count photons (Poisson), and add the noise of the electronics (Gaussian)."""
    counted = generator.poisson(light * photons) / photons
    return np.asarray(counted + generator.normal(0.0, read_noise, light.shape), np.float32)


def _noise(image: Image, level: int, generator: np.random.Generator) -> Image:
    return _from_linear(_sensed(_to_linear(image), _PHOTONS[level], _READ_NOISE[level], generator))


def _dark(image: Image, level: int, generator: np.random.Generator) -> Image:
    """Too little light: fewer photons, which are noisier, and dark tones that sink into the lowest levels."""
    light = _to_linear(image) * np.float32(2.0 ** -_DARK_STOPS[level])
    return _from_linear(_sensed(light, _SHORT_EXPOSURE_PHOTONS, 0.001, generator))


def _bright(image: Image, level: int, generator: np.random.Generator) -> Image:
    """Too much light: the sensor is full, and highlights burn out."""
    return _from_linear(_to_linear(image) * np.float32(2.0 ** _BRIGHT_STOPS[level]))


def _jpeg(image: Image, level: int, generator: np.random.Generator) -> Image:
    bgr = np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY[level]])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


def _low_resolution(image: Image, level: int, generator: np.random.Generator) -> Image:
    """Few pixels, made many again: a far subject, digital zoom, a thumbnail that was sent on."""
    height, width = image.shape[:2]
    small = (max(1, round(width * _LOW_RESOLUTION[level])), max(1, round(height * _LOW_RESOLUTION[level])))
    reduced = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _stretch(image: Image, level: int, generator: np.random.Generator) -> Image:
    """One side squeezed, as by pixels that are not square; what is squeezed away is lost."""
    height, width = image.shape[:2]
    share = 1.0 / _STRETCH[level]
    narrow = generator.random() < 0.5
    size = (max(1, round(width * share)), height) if narrow else (width, max(1, round(height * share)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


CORRUPTIONS: Mapping[str, Callable[[Image, int, np.random.Generator], Image]] = {
    "defocus": _defocus,
    "motion": _motion,
    "noise": _noise,
    "dark": _dark,
    "bright": _bright,
    "jpeg": _jpeg,
    "low-resolution": _low_resolution,
    "stretch": _stretch,
}
