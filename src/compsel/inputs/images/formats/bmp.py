"""BMP: all sizes are in the header."""

import struct

from compsel.inputs.images.formats.image_header import ImageHeader, need

__all__ = ["read_bmp"]

_UNCOMPRESSED = (0, 3, 6)


def read_bmp(data: bytes) -> ImageHeader:
    """Read the header.

    Raises:
        TruncatedError: the end is missing.
    """
    file_size, _, start, header_size = struct.unpack_from("<IIII", data, 2)
    if header_size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    height = abs(height)  # a negative one says that rows go from top to bottom
    if width > 0:
        row = (width * bits + 31) // 32 * 4
        need(data, start + row * height if compression in _UNCOMPRESSED else file_size)
    return ImageHeader("BMP", width, height)
