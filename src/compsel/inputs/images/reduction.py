"""Reduction of pictures by 2, 4 and 8: what decoders of JPEG do for little, and what is cheap for any picture."""

import cv2
import numpy as np

__all__ = ["REDUCTIONS", "halve", "largest_reduction"]

#: pixels a side that become one
REDUCTIONS = (8, 4, 2, 1)


def largest_reduction(ratio: float) -> int:
    """Return the largest of 8, 4, 2 and 1 that is at most `ratio`; 1 below it too.

    >>> [largest_reduction(ratio) for ratio in (0.5, 3.9, 4.0, 100.0)]
    [1, 2, 4, 8]
    """
    return next((reduction for reduction in REDUCTIONS if reduction <= ratio), 1)


def halve(pixels: np.ndarray, reduction: int) -> np.ndarray:
    """Reduce a picture by 2, 4 or 8, each pixel the mean of a block; 1 leaves it as it is.

    It is halved again and again: means of 2x2 pixels are vectorised in OpenCV, those of other blocks are not (12
    megapixels to an eighth: 2 ms instead of 10). Each time they are rounded. Rows and columns that fill no block are
    left out, on both sides alike.

    Args:
        pixels: uint8 (height, width, 3); the sides at least `reduction`.
        reduction: 1, 2, 4 or 8.

    >>> halve(np.arange(48, dtype=np.uint8).reshape(4, 4, 3), 4).tolist()
    [[[23, 24, 25]]]
    """
    if reduction == 1:
        return pixels
    height, width = (side // reduction * reduction for side in pixels.shape[:2])
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    pixels = pixels[top : top + height, left : left + width]
    while reduction > 1:
        height, width, reduction = height // 2, width // 2, reduction // 2
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))
    return pixels
