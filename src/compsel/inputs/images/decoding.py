"""Decode images from files, bytes and arrays: uint8 (height, width, 3), RGB.

Conversions are those of Pillow's `convert("RGB")`, with which most networks were trained: an alpha channel is dropped
(not composited; only of TIFF, whose decoder multiplies the colours by it: that is compositing on black), grey is
repeated, CMYK is converted. Beyond it, 16-bit images keep their upper byte, the orientation in the EXIF data is
applied, and of an animation the first frame is taken.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import cv2
import numpy as np

from compsel.errors import ImageError
from compsel.inputs.images.formats.image_header import TRUNCATED, ImageHeader
from compsel.inputs.images.header import read_header

__all__ = ["MAX_PIXELS", "Source", "check_header", "decode", "decode_pixels", "read_source"]

MAX_PIXELS = 100_000_000
# more than an uncompressed image of 16-bit RGBA pixels needs, with room for metadata
_BYTES_PER_PIXEL, _METADATA_BYTES = 8, 64 << 20
# OpenCV before 4.11 decodes to BGR only
_RGB_FLAG: int | None = getattr(cv2, "IMREAD_COLOR_RGB", None)
# times 2, 4 or 8; IMREAD_REDUCED_COLOR_2, 4 and 8 are these bits and that of BGR
_REDUCTION_FLAG = cv2.IMREAD_REDUCED_COLOR_2 // 2

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | np.ndarray


def decode(source: Source, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """Return an image as an array.

    Args:
        source: path of a JPEG, PNG, WebP, BMP, GIF or TIFF file; or the bytes of one; or an array: uint8, uint16
            (upper byte taken) or bool (False is black), of shape (h, w), (h, w, 1) grey, (h, w, 2) grey and alpha,
            (h, w, 3) RGB or (h, w, 4) RGBA. A contiguous uint8 RGB array is returned as it is, not copied.
        max_pixels: of a file; a larger one is refused before it is decoded.

    Returns:
        uint8 (h, w, 3), RGB, contiguous.

    Raises:
        ImageError: not there, empty, not an image, truncated, damaged, too large, without pixels, or an array of
            another type or shape. The message begins with the file's name.

    >>> decode(np.array([[0, 255]], np.uint8)).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    >>> decode(b"hello")
    Traceback (most recent call last):
    compsel.errors.ImageError: image: not an image: allowed are JPEG, PNG, WebP, BMP, GIF, TIFF
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    name, data = read_source(source, max_pixels)
    try:
        return decode_pixels(data, check_header(data, max_pixels))
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from error.__cause__


def read_source(source: Source, max_pixels: int = MAX_PIXELS) -> tuple[str, bytes]:
    """Return what a file is called in messages, and its bytes.

    Raises:
        ImageError: not a path and not bytes, or a file that cannot be read.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "image", bytes(source)
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source), _read(Path(source), max_pixels)
    raise ImageError(
        f"image: got {type(source).__name__}, allowed is a path, the bytes of a file, or a uint8 "
        "(height, width, 3) RGB array; of a Pillow image give np.asarray(image.convert('RGB'))"
    )


def check_header(data: bytes, max_pixels: int = MAX_PIXELS) -> ImageHeader:
    """Read the header of an encoded image, and check that it may be decoded.

    Raises:
        ImageError: empty, not an image, truncated, damaged, too large, or of too many parts. The message has no file
            name.
    """
    if not data:
        raise ImageError("empty: it has no bytes; get the file again")
    header = read_header(data)
    if header.width * header.height > max_pixels:
        raise ImageError(
            f"too large: got {header.width}x{header.height} pixels, allowed are {max_pixels} in all; "
            "make it smaller, or raise max_pixels"
        )
    if not header.ended and header.format != "JPEG":
        from compsel.inputs.images.mending import mended  # few images

        mended(data, header)
    elif not header.ended and not _is_whole(data, header):
        raise ImageError(TRUNCATED)
    return header


def _is_whole(data: bytes, header: ImageHeader) -> bool:
    """Whether a JPEG without the mark of its end has all pixels: then it matters to none of them what follows."""
    first = _imdecode(data, 0)
    # bytes without a marker in them, which a decoder takes for a picture's where that goes on
    other_end = bytes((97 * number + number // 251) % 251 for number in range(4096))
    second = _imdecode(data + other_end, 0) if _is_of_size(first, header) else None
    return first is not None and second is not None and np.array_equal(first, second)


def decode_pixels(data: bytes, header: ImageHeader, reduction: int = 1) -> np.ndarray:
    """Decode what `check_header` let pass.

    Args:
        data: of the file.
        header: its own.
        reduction: of a JPEG: 1, 2, 4 or 8 pixels of width and of height become one, inside the decoder; sizes are
            rounded up. Where it cannot decode so, it decodes in full: see the shape.

    Returns:
        uint8 (h, w, 3), RGB, contiguous.

    Raises:
        ImageError: damaged. The message has no file name.
    """
    if header.needs_mending:
        from compsel.inputs.images.mending import mended  # few images

        data = mended(data, header)
    if reduction > 1:
        pixels = _imdecode(data, _REDUCTION_FLAG * reduction)
        if _is_of_size(pixels, header, reduction):
            return pixels
    pixels = _imdecode(data, 0)
    if not _is_of_size(pixels, header):
        raise ImageError(
            f"damaged, or a kind of {header.format} that cannot be decoded: save it again as a plain PNG or JPEG"
        )
    return pixels


def _is_of_size(pixels: np.ndarray | None, header: ImageHeader, reduction: int = 1) -> TypeGuard[np.ndarray]:
    sides = sorted(-(-side // reduction) for side in (header.height, header.width))
    return pixels is not None and sorted(pixels.shape[:2]) == sides


def _imdecode(data: bytes, flags: int) -> np.ndarray | None:
    buffer = np.frombuffer(data, np.uint8)
    try:
        with _quiet():
            pixels = cv2.imdecode(buffer, flags | (cv2.IMREAD_COLOR if _RGB_FLAG is None else _RGB_FLAG))
    except cv2.error as error:
        raise ImageError("damaged: it cannot be decoded; get the file again") from error
    if pixels is None:
        return None
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if _RGB_FLAG is None else pixels)


def _from_array(array: np.ndarray) -> np.ndarray:
    got = f"image: got a {array.dtype} array of shape {array.shape}"
    if array.dtype not in (np.uint8, np.uint16, np.bool_):
        hint = "; scale floats to 0..255 and convert them, for example (255 * x).round().astype('uint8')"
        raise ImageError(f"{got}, allowed are uint8, uint16 and bool{hint if array.dtype.kind == 'f' else ''}")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        hint = "; move the channels to the end" if array.ndim == 3 and array.shape[0] in (1, 3, 4) else ""
        raise ImageError(f"{got}, allowed are (height, width) and (height, width, 1 to 4){hint}")
    if array.size == 0:
        raise ImageError(f"{got}, allowed is at least one pixel")
    if array.dtype == np.uint16:
        array = (array >> 8).astype(np.uint8)
    elif array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    channels = 1 if array.ndim == 2 else array.shape[2]
    if channels <= 2:
        grey = array if array.ndim == 2 else array[:, :, 0]
        return np.repeat(grey[:, :, None], 3, axis=2)
    return np.ascontiguousarray(array if channels == 3 else array[:, :, :3])


def _read(path: Path, max_pixels: int) -> bytes:
    try:
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "no such file" if not path.exists() else "not a plain file"
            raise ImageError(f"{path}: {what}: give the path of an image")
        size, limit = path.stat().st_size, max_pixels * _BYTES_PER_PIXEL + _METADATA_BYTES
        if size > limit:
            raise ImageError(f"{path}: too large: got {size} bytes, allowed are {limit}; or raise max_pixels")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, ImageError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: cannot be read: {reason}") from error


_logging: Any = getattr(getattr(cv2, "utils", None), "logging", None)
_quiet_lock = threading.Lock()
_quiet_users = 0
_loud_level = 0


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV from printing about images that it cannot decode: an exception is raised for them.

    The level is one for the whole process: the first thread in lowers it, the last one out restores it.
    """
    global _quiet_users, _loud_level
    if _logging is None:
        yield
        return
    with _quiet_lock:
        if _quiet_users == 0:
            _loud_level = _logging.getLogLevel()
            _logging.setLogLevel(_logging.LOG_LEVEL_SILENT)
        _quiet_users += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_users -= 1
            if _quiet_users == 0:
                _logging.setLogLevel(_loud_level)
