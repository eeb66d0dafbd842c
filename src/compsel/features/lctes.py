"""The seven image features of "Adaptive Deep Learning Model Selection on Embedded Systems" (LCTES 2018)."""

import math
from typing import Any

import cv2
import numpy as np

from compsel.features.base import FeatureExtractor
from compsel.features.image import check_image

__all__ = ["LctesFeatures"]

_HUES = 180  # OpenCV's range of 8-bit hues
_BINS = 7
_CANNY = (100, 200)
# how bright red, green and blue look
_PERCEIVED = np.array([0.241, 0.691, 0.068], np.float32)
_SQUARES = np.arange(256, dtype=np.float32) ** 2


class LctesFeatures(FeatureExtractor):
    """The paper's features, of the whole image at full resolution, as in the paper: milliseconds, not microseconds.

    A file is decoded in full for them.

    The paper names them and says what they are; where it leaves the details open they are: keypoints by FAST; perceived
    brightness sqrt(0.241 R^2 + 0.691 G^2 + 0.068 B^2), averaged; contrast as the standard deviation of the grey level;
    the share of the first of 7 bins of hue (the reds); the main object as the largest contour of the edges (Canny),
    with its area by its perimeter and the aspect ratio of its bounding box; and the share of the shortest of 7 bins
    of the lengths of the contours, up to the image's diagonal.

    >>> LctesFeatures().extract(np.zeros((48, 64, 3), np.uint8)).tolist()
    [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.3333334]
    """

    names = (
        "n_keypoints",
        "avg_perceived_brightness",
        "hue1",
        "contrast",
        "area_by_perim",
        "edge_length1",
        "aspect_ratio",
    )

    def __init__(self) -> None:
        self._detector = cv2.FastFeatureDetector.create()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), ()  # the detector cannot travel to a worker, which makes its own

    def _extract(self, x: Any) -> np.ndarray:
        image = check_image(x)
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        hue = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[:, :, 0]
        area_by_perimeter, shortest, aspect_ratio = _shapes(grey)
        return np.array(
            [
                len(self._detector.detect(grey)),
                _perceived_brightness(image),
                np.count_nonzero(hue < _HUES / _BINS) / hue.size,
                cv2.meanStdDev(grey)[1][0, 0],
                area_by_perimeter,
                shortest,
                aspect_ratio,
            ],
            np.float32,
        )


def _perceived_brightness(image: np.ndarray) -> float:
    squares = cv2.LUT(image, _SQUARES)
    return float(cv2.mean(cv2.sqrt(cv2.transform(squares, _PERCEIVED[None])))[0])


def _shapes(grey: np.ndarray) -> tuple[float, float, float]:
    """Return the main object's area by perimeter, the share of short contours, the main object's aspect ratio."""
    height, width = grey.shape
    contours, _ = cv2.findContours(cv2.Canny(grey, *_CANNY), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return 0.0, 0.0, width / height
    lengths = np.array([cv2.arcLength(contour, True) for contour in contours])
    shortest = np.count_nonzero(lengths < math.hypot(height, width) / _BINS) / len(lengths)
    main = max(contours, key=cv2.contourArea)
    perimeter = cv2.arcLength(main, True)
    _, _, box_width, box_height = cv2.boundingRect(main)
    return cv2.contourArea(main) / perimeter if perimeter else 0.0, shortest, box_width / box_height
