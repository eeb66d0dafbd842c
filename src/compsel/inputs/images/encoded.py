"""An image that is still a file: decoded when it is needed, once, and no more finely than needed.

A JPEG can be decoded at a half, a quarter or an eighth of its size: the decoder leaves out the frequencies that the
smaller picture cannot show, and most of the work. Other formats are decoded in full: OpenCV would do that too, and
then drop pixels.
"""

from typing import NamedTuple

import numpy as np

from compsel.errors import ImageError
from compsel.inputs.images.decoding import MAX_PIXELS, Source, check_header, decode_pixels, read_source
from compsel.inputs.images.reduction import REDUCTIONS

__all__ = ["EncodedImage", "Picture"]


class Picture(NamedTuple):
    """A decoded image, and how it was decoded.

    Attributes:
        pixels: uint8 (rows, columns, 3), RGB.
        reduction: how many pixels a side of the whole image became one of these: 1, 2, 4 or 8.
        height, width: of the whole image, upright: `pixels` has these divided by `reduction`, rounded up.
    """

    pixels: np.ndarray
    reduction: int
    height: int
    width: int


class EncodedImage:
    """The bytes of an image file, its header read and checked, its pixels not decoded before they are asked for.

    Args:
        source: a path, or the bytes of a file.
        max_pixels: a larger image is refused.

    Attributes:
        data: of the file.
        name: in messages: the path, or "image".
        format: as `compsel.inputs.images.header.FORMATS`.
        width, height: in pixels, as stored (an orientation in the metadata may swap them).

    Raises:
        ImageError: as `compsel.inputs.images.decoding.decode`; what is damaged inside may be found when it is decoded.

    >>> import cv2
    >>> data = cv2.imencode(".jpg", np.zeros((480, 640, 3), np.uint8))[1].tobytes()
    >>> image = EncodedImage(data)
    >>> image.width, image.height, image.decode(4).pixels.shape
    (640, 480, (120, 160, 3))
    """

    __slots__ = ("_header", "_picture", "data", "name")

    def __init__(self, source: Source, max_pixels: int = MAX_PIXELS) -> None:
        self.name, self.data = read_source(source, max_pixels)
        self._picture: Picture | None = None
        try:
            self._header = check_header(self.data, max_pixels)
        except ImageError as error:
            raise self._named(error) from error.__cause__

    @property
    def format(self) -> str:
        """Format of the file."""
        return self._header.format

    @property
    def width(self) -> int:
        """Width in pixels, as stored."""
        return self._header.width

    @property
    def height(self) -> int:
        """Height in pixels, as stored."""
        return self._header.height

    @property
    def reducible(self) -> bool:
        """Whether the format can be decoded at a reduced scale."""
        return self.format == "JPEG"

    @property
    def decoded_size(self) -> tuple[int, int]:
        """Rows and columns of the picture as it is decoded; of the whole image, where it is not yet."""
        picture = self._picture
        return (self.height, self.width) if picture is None else (picture.pixels.shape[0], picture.pixels.shape[1])

    def decode(self, reduction: int = 1) -> Picture:
        """Return the picture, decoded now unless it was decoded as finely before.

        Args:
            reduction: 1, 2, 4 or 8 pixels a side may become one; where the format or an earlier call allows for no
                such reduction, the picture is a finer one.

        Raises:
            ImageError: damaged.
        """
        picture = self._picture
        if picture is None or picture.reduction > reduction:
            picture = self._picture = self._decode(reduction if self.reducible else 1)
        return picture

    def _decode(self, reduction: int) -> Picture:
        try:
            pixels = decode_pixels(self.data, self._header, reduction)
        except ImageError as error:
            raise self._named(error) from error.__cause__
        rows, columns = pixels.shape[:2]
        for height, width in ((self.height, self.width), (self.width, self.height)):
            for used in (reduction, *REDUCTIONS):
                if (rows, columns) == (-(-height // used), -(-width // used)):
                    return Picture(pixels, used, height, width)
        raise AssertionError("decode_pixels lets no other shape pass")

    def _named(self, error: ImageError) -> ImageError:
        return ImageError(f"{self.name}: {error}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EncodedImage) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)

    def __repr__(self) -> str:
        return f"EncodedImage({self.name}: {self.format}, {self.width}x{self.height})"
