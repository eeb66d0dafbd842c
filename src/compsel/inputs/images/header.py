"""Headers of encoded images: format and size, and a check that the file is complete, before anything is decoded.

Decoders allocate what a header asks for, and fill what is missing at the end with grey; both are refused here, where
it costs little (12 megapixels: 0.2 ms for a JPEG of 0.7 MB, 1.4 ms for a PNG of 9 MB, whose checksums are compared).

Pillow (13.0) reads formats and sizes in 0.02 ms, but it would cost the runtime a dependency of 23 MB and about 26 ms
of import, and it does not see that a file is cut off before all of it is decoded: of JPEG, BMP, GIF and TIFF files
without their second half, neither `Image.open` nor `verify` refuses one. Nor does it count what a decoder will do.
"""

import struct
from importlib import import_module

from compsel.errors import ImageError
from compsel.inputs.images.formats.image_header import TRUNCATED, ImageHeader, TruncatedError

__all__ = ["FORMATS", "read_header"]

FORMATS = ("JPEG", "PNG", "WebP", "BMP", "GIF", "TIFF")
# what a file begins with, and the module that reads it: an app imports those of its images
_BEGINNINGS = {
    b"\xff\xd8\xff": "jpeg",
    b"\x89PNG\r\n\x1a\n": "png",
    b"RIFF": "webp",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
    b"II*\0": "tiff",
    b"II+\0": "tiff",
    b"MM\0*": "tiff",
    b"MM\0+": "tiff",
    b"BM": "bmp",
}
_WEBP_AT, _WEBP = 8, b"WEBP"


def read_header(data: bytes) -> ImageHeader:
    """Read the header of a JPEG, PNG, WebP, BMP, GIF or TIFF, and check that the image ends where it should.

    Raises:
        ImageError: none of these formats, truncated, damaged, without pixels, or of so many parts that decoding would
            take far longer than its pixels do. The message has no file name.

    >>> read_header(b"BM" + bytes(16) + (2).to_bytes(4, "little") + bytes(30))
    Traceback (most recent call last):
    compsel.errors.ImageError: has no pixels: got 2x0 (BMP), allowed is at least 1x1
    """
    name = next((name for beginning, name in _BEGINNINGS.items() if data.startswith(beginning)), None)
    if name is None or (name == "webp" and not data.startswith(_WEBP, _WEBP_AT)):
        raise ImageError(f"not an image: allowed are {', '.join(FORMATS)}")
    try:
        header: ImageHeader = getattr(import_module(f"compsel.inputs.images.formats.{name}"), f"read_{name}")(data)
    # overflow: an offset beyond memory
    except (TruncatedError, struct.error, IndexError, OverflowError) as error:
        raise ImageError(TRUNCATED) from error
    if header.width < 1 or header.height < 1:
        size = f"{header.width}x{header.height} ({header.format})"
        raise ImageError(f"has no pixels: got {size}, allowed is at least 1x1")
    return header
