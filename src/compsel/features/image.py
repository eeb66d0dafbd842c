"""Cheap statistics of an image: what a camera did to it, in about a tenth of a millisecond whatever its size.

Two samples are looked at, never the whole image. A thumbnail of every n-th pixel gives brightness and colour: means
over thousands of pixels do not need all of them. A patch from the middle at full resolution gives what resizing would
destroy: sharpness, noise, compression artefacts. Energies and areas span decades, so their logarithms are given.

Large images are described at a stated size, so that a file need not be decoded in full: reduced by the largest of 8, 4
and 2 that leaves 256 pixels of the shorter side. Of an array, or a file that is no JPEG, only the patch is.
"""

import math
from typing import Any

import cv2
import numpy as np

from compsel.errors import InputError
from compsel.features.base import FeatureExtractor
from compsel.inputs.images.encoded import EncodedImage
from compsel.inputs.images.reduction import halve, largest_reduction

__all__ = ["ImageFeatures", "check_image"]

_THUMBNAIL = (64, 48)  # width and height in pixels
_SEEN = _THUMBNAIL[0] * _THUMBNAIL[1]
_TAILS = np.array([0.05, 0.95]) * _SEEN
# of every count that a level can have
_N_LOG2_N = np.arange(_SEEN + 1) * np.log2(np.maximum(np.arange(_SEEN + 1), 1))
_PATCH = 128  # pixels a side
_LEAST_SIDE = 2 * _PATCH  # pixels of the shorter side that reduction leaves
_SMALLEST_PATCH = 24
_LEVELS = 256
_DARK, _BRIGHT = 16, 239  # grey levels: at most; at least
_EDGE = 24  # grey levels between neighbours from which on they are an edge
_JPEG_BLOCK = 8
_NEUTRAL = 128.0  # of the chroma channels
# second differences in both directions: smooth content cancels, noise remains
_SECOND_DIFFERENCE = np.array([1, -2, 1], np.float32)
_NOISE_SCALE = math.sqrt(math.pi / 2) / 6


class ImageFeatures(FeatureExtractor):
    """Statistics of a uint8 (height, width, 3) RGB image; all are finite for any image.

    Sources: colourfulness after Hasler and Suesstrunk (2003), section 7, with the chroma of YCrCb as opponent colours;
    noise from Immerkaer (1996), equation 3; the energies of differences are structure functions, whose combination
    4 D(1) - D(2) is the energy of second differences: sharpness, as the variance of a Laplacian is.

    >>> features = ImageFeatures()
    >>> values = features.extract(np.full((480, 640, 3), 255, np.uint8))
    >>> dict(zip(features.names, values.tolist()))["bright_share"]
    1.0
    """

    names = (
        "aspect_ratio",  # width / height
        "log2_pixels",
        "log2_short_side_pixels",
        "brightness",  # mean grey level, 0..255
        "contrast",  # standard deviation of the grey level
        "red_chroma",  # mean of Cr - 128
        "blue_chroma",  # mean of Cb - 128
        "colourfulness",
        "dark_share",  # of pixels of at most 16 grey levels
        "bright_share",  # of pixels of at least 239
        "dynamic_range",  # grey levels between the 5th and the 95th percentile
        "entropy_bits",  # of the grey levels' histogram
        "log_difference_1",  # log of the mean squared difference of pixels 1, 2 and 4 apart, both directions
        "log_difference_2",
        "log_difference_4",
        "log_sharpness",  # log of the mean squared second difference
        "log_anisotropy",  # horizontal over vertical differences: motion blur, stripes
        "edge_density",  # share of neighbours at least 24 grey levels apart
        "noise",  # estimated standard deviation, grey levels
        "blockiness",  # differences at the borders of 8-pixel blocks over those in their middles, minus 1
    )

    def _extract(self, x: Any) -> np.ndarray:
        if isinstance(x, EncodedImage):
            wanted = self.reduction(x.height, x.width)
            image, done, height, width = x.decode(wanted)
            if x.reducible:  # also where it was decoded more finely for others
                image, done = halve(image, wanted // done), wanted
            patch = _patch(image, wanted // done)
        else:
            image = check_image(x)
            height, width = image.shape[:2]
            patch = _patch(image, self.reduction(height, width))
        sizes = (width / height, math.log2(width * height), math.log2(min(width, height)))
        return np.array([*sizes, *_tones(image), *_details(patch)], np.float32)

    def reduction(self, height: int, width: int) -> int:
        """Return by how much an image of this size is reduced before it is described."""
        return largest_reduction(min(height, width) / _LEAST_SIDE)


def check_image(x: Any) -> np.ndarray:
    """Return `x` if it is a uint8 (height, width, 3) array with pixels; of a file, all its pixels.

    Raises:
        InputError: it is neither.
    """
    if isinstance(x, EncodedImage):
        return x.decode().pixels
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.ndim != 3 or x.shape[2] != 3 or x.size == 0:
        got = f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
        raise InputError(f"image: got {got}, allowed is a uint8 (height, width, 3) RGB array")
    return x


def _tones(image: np.ndarray) -> tuple[float, ...]:
    """Brightness and colour, from every n-th pixel."""
    thumbnail = cv2.resize(image, _THUMBNAIL, interpolation=cv2.INTER_NEAREST)
    colours = cv2.cvtColor(thumbnail, cv2.COLOR_RGB2YCrCb)
    means, deviations = cv2.meanStdDev(colours)
    brightness, red, blue = means.ravel().tolist()
    contrast, red_spread, blue_spread = deviations.ravel().tolist()
    red, blue = red - _NEUTRAL, blue - _NEUTRAL
    counts = np.bincount(colours[:, :, 0].ravel(), minlength=_LEVELS)
    cumulated = counts.cumsum()
    low, high = cumulated.searchsorted(_TAILS).tolist()
    return (
        brightness,
        contrast,
        red,
        blue,
        math.hypot(red_spread, blue_spread) + 0.3 * math.hypot(red, blue),
        cumulated.item(_DARK) / _SEEN,
        1.0 - cumulated.item(_BRIGHT - 1) / _SEEN,
        high - low,
        math.log2(_SEEN) - float(np.add.reduce(_N_LOG2_N.take(counts))) / _SEEN,
    )


def _patch(image: np.ndarray, reduction: int = 1) -> np.ndarray:
    """Return the middle, reduced, as grey levels, its corner on the grid of JPEG's blocks; tiny ones are extended."""
    height, width = (side // reduction for side in image.shape[:2])
    top, left = (max(0, side - _PATCH) // 2 // _JPEG_BLOCK * _JPEG_BLOCK * reduction for side in (height, width))
    end = _PATCH * reduction
    patch = halve(image[top : top + end, left : left + end], reduction)
    patch = np.asarray(cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY))
    below, right = (max(0, _SMALLEST_PATCH - side) for side in patch.shape)
    if below or right:
        patch = np.asarray(cv2.copyMakeBorder(patch, 0, below, 0, right, cv2.BORDER_REPLICATE))
    return patch


def _details(grey: np.ndarray) -> tuple[float, ...]:
    """Sharpness, noise and artefacts of a grey patch of at least 24 pixels a side."""
    steps_across = cv2.absdiff(grey[:, 1:], grey[:, :-1])
    steps_down = cv2.absdiff(grey[1:], grey[:-1])
    across_1, down_1 = (cv2.norm(steps, cv2.NORM_L2SQR) / steps.size for steps in (steps_across, steps_down))
    across_2, down_2 = _energy(grey[:, 2:], grey[:, :-2]), _energy(grey[2:], grey[:-2])
    across_4, down_4 = _energy(grey[:, 4:], grey[:, :-4]), _energy(grey[4:], grey[:-4])
    _, is_edge = cv2.threshold(steps_across, _EDGE - 1, 1, cv2.THRESH_BINARY)
    residual = cv2.sepFilter2D(grey, cv2.CV_16S, _SECOND_DIFFERENCE, _SECOND_DIFFERENCE)
    return (
        math.log1p(across_1 + down_1),
        math.log1p(across_2 + down_2),
        math.log1p(across_4 + down_4),
        math.log1p(max(0.0, 4 * (across_1 + down_1) - (across_2 + down_2))),
        math.log1p(across_1) - math.log1p(down_1),
        cv2.countNonZero(is_edge) / is_edge.size,
        _NOISE_SCALE * cv2.norm(residual, cv2.NORM_L1) / residual.size,
        _blockiness(cv2.reduce(steps_across, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S))
        + _blockiness(cv2.reduce(steps_down, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)),
    )


def _energy(one: np.ndarray, other: np.ndarray) -> float:
    return cv2.norm(one, other, cv2.NORM_L2SQR) / one.size


def _blockiness(steps: np.ndarray) -> float:
    """Compare the steps at the borders of blocks (pixels 7 to 8, 15 to 16, ...) with those in their middles."""
    numbers = steps.ravel()[_JPEG_BLOCK // 2 - 1 :: _JPEG_BLOCK // 2].tolist()
    middles, borders = numbers[::2], numbers[1::2]
    # one grey level in a row of pixels is added to both: flat images have no blocks
    return float((sum(borders) / len(borders) + _PATCH) / (sum(middles) / len(middles) + _PATCH) - 1.0)
