"""What the header of an encoded image says, and the errors that readers of headers share."""

from compsel.errors import ImageError
from compsel.values import dataclass

__all__ = ["TRUNCATED", "ImageHeader", "TruncatedError", "check_count", "need"]

TRUNCATED = "truncated: the end of the image is missing; get the whole file again"


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """Format and size of an encoded image.

    Attributes:
        format: one of `compsel.inputs.images.header.FORMATS`.
        width, height: in pixels, as stored (an orientation in the metadata may swap them).
        ended: False for a JPEG, PNG or GIF without the mark of its end: cut off, or some phones' panoramas, in which
            the maker's data follow the picture; and for a PNG with a checksum that is wrong. Whether all pixels are
            there is told by `compsel.inputs.images.decoding.check_header`.
        bare: False for a PNG that holds more than its picture: its decoder gets a copy without the rest.

    >>> ImageHeader("PNG", 640, 480).ended
    True
    """

    format: str
    width: int
    height: int
    ended: bool = True
    bare: bool = True

    @property
    def needs_mending(self) -> bool:
        """Whether `compsel.inputs.images.mending.mended` makes another file of it, before it is decoded."""
        return self.format != "JPEG" and not (self.ended and self.bare)


class TruncatedError(Exception):
    """The data end before the image does."""


def need(data: bytes, end: int) -> None:
    """Raise TruncatedError unless so many bytes are there."""
    if end > len(data):
        raise TruncatedError


def check_count(what: str, got: int, most: int) -> None:
    """Raise ImageError where a file has more parts of a kind than programs write."""
    if got > most:
        raise ImageError(f"too much work: got {got} {what}, allowed are {most}; save it again as a plain PNG or JPEG")
