"""What people hold, as values of a modality: images of Pillow, tensors of torch, bytes, arrays, texts."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from compsel.errors import SamplesError
from compsel.inputs.images.decoding import decode

__all__ = ["as_array", "as_value", "is_picture"]

_ORIENTATION = 0x0112  # in EXIF data


def as_value(source: Any) -> Any:
    """Return a text, an image (uint8 (height, width, 3), RGB, upright), an array, or arrays by name.

    Args:
        source: a `str`; encoded bytes of an image; a Pillow image; whatever NumPy makes an array of numbers of, such
            as a torch tensor; a mapping of those. An array is not taken for an image here.

    Raises:
        SamplesError: something else.
        ImageError: bytes that are no image.

    >>> as_value([1.0, 2.0]), as_value("hello")
    (array([1., 2.]), 'hello')
    """
    if isinstance(source, str):
        return source
    if isinstance(source, (bytes, bytearray, memoryview)):
        return decode(source)
    if is_picture(source):
        return _upright(source)
    if isinstance(source, Mapping):
        return {str(name): as_array(array) for name, array in source.items()}
    return as_array(source)


def as_array(source: Any) -> np.ndarray:
    """Return numbers as an array.

    Raises:
        SamplesError: not numbers.
    """
    if hasattr(source, "detach"):  # of torch: its gradient and its device are left behind
        source = source.detach().cpu()
    try:
        array = np.asarray(source)
    except (TypeError, ValueError) as error:
        raise SamplesError(f"samples: got {type(source).__name__}, which is no array of numbers: {error}") from error
    if array.dtype.kind not in "biufUS":
        raise SamplesError(
            f"samples: got {type(source).__name__} (as an array: {array.dtype}), allowed are texts, images and arrays"
        )
    return array


def is_picture(source: Any) -> bool:
    """Whether something is an image of Pillow, or passes for one."""
    return hasattr(source, "convert") and hasattr(source, "mode") and hasattr(source, "size")


def _upright(picture: Any) -> np.ndarray:
    pixels = np.asarray(picture.convert("RGB"))
    orientation = picture.getexif().get(_ORIENTATION, 1) if hasattr(picture, "getexif") else 1
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
