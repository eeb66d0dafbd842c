"""Images: headers and decoding, in full and reduced, and the metadata inside them."""

import struct
import zlib

import cv2
import numpy as np

from compsel.inputs.images.decoding import decode
from compsel.inputs.images.encoded import EncodedImage
from tests.fuzzing.target import Target
from tests.hostile import jpegs, other_images, pngs, tiffs
from tests.hostile.images import WELL_FORMED

__all__ = ["TARGETS"]

# of a picture that is decoded: 3 MB, so that what else is taken stands out
_MOST_PIXELS = 1_000_000
_PIXELS = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
_JPEG = cv2.imencode(".jpg", _PIXELS)[1].tobytes()
_PNG = cv2.imencode(".png", _PIXELS)[1].tobytes()
_WORDS = (
    b"\xff\xd8\xff", b"\xff\xc0", b"\xff\xc2", b"\xff\xda", b"\xff\xc4", b"\xff\xdb", b"\xff\xdd", b"\xff\xd9",
    b"\xff\xe1", b"Exif\0\0", b"\x89PNG\r\n\x1a\n", b"IHDR", b"IDAT", b"IEND", b"PLTE", b"iCCP", b"zTXt", b"iTXt",
    b"eXIf", b"acTL", b"fcTL", b"fdAT", b"RIFF", b"WEBP", b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF", b"ALPH",
    b"GIF89a", b"\x21\xf9\x04", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM",
)  # fmt: skip


def _seeds() -> dict[str, bytes]:
    text = pngs.chunk(b"zTXt", b"a\0\0" + pngs.packed(1, b"a"))
    metadata = pngs.exif_of_strings(20, 12)
    return {
        **{name: make() for name, make in WELL_FORMED.items()},
        "JPEG, scans": jpegs.jpeg_of_scans(12, 32),
        "JPEG, sequential scans": jpegs.jpeg_of_sequential_scans(5, 32),
        "JPEG, segments": jpegs.jpeg_of_segments(10),
        "JPEG, two frames": jpegs.jpeg_of_two_frames(),
        "JPEG, colours": jpegs.jpeg_of_components(10, 32),
        "PNG, a text": pngs.png_with(text),
        "PNG, a text behind": pngs.png_with(text, behind=True),
        "PNG, a profile": pngs.png_with(pngs.chunk(b"iCCP", b"a\0\0" + pngs.packed(1))),
        "PNG, small parts": pngs.png_of_small_parts(50),
        "PNG, frames": pngs.png_of_frames(3, 3),
        "PNG, metadata": pngs.png_with(pngs.chunk(b"eXIf", metadata)),
        "PNG, more pixels": pngs.png_that_unpacks_to(1),
        "TIFF, shared values": tiffs.tiff_of_shared_values(10, 20, 4),
        "BigTIFF": tiffs.big_tiff_of_shared_values(10, 20),
        "TIFF, tiles": tiffs.tiff_of_tiles(16, whole=True),
        "TIFF, directories": tiffs.tiff_of_directories(5),
        "TIFF, strips": tiffs.tiff_of_shared_strips(5, 100),
        "TIFF, a JPEG": tiffs.tiff_of_jpeg_scans(12, 32),
        "GIF, starts": other_images.gif_of_starts(50, 4),
        "WebP, frames": other_images.webp_of_frames(3),
        "WebP, metadata": other_images.webp_of_metadata(metadata),
        "BMP, packed": other_images.bmp(8, 8, 1, b"\x08\1\0\0" * 8 + b"\0\1"),
    }


def _exif_in_jpeg(data: bytes) -> bytes:
    content = b"Exif\0\0" + data[: (1 << 16) - 9]
    return _JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + _JPEG[2:]


def _exif_in_png(data: bytes) -> bytes:
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data + struct.pack(">I", zlib.crc32(b"eXIf" + data))
    return _PNG[:33] + chunk + _PNG[33:]


def _read_metadata(data: bytes) -> None:
    decode(_exif_in_jpeg(data))
    decode(_exif_in_png(data))


def _metadata_seeds() -> dict[str, bytes]:
    return {
        f"{order.decode()} {orientation}": order
        + struct.pack(f"{code}HIH", 42, 8, 1)
        + struct.pack(f"{code}HHIHHI", 0x0112, 3, 1, orientation, 0, 0)
        for order, code in ((b"II", "<"), (b"MM", ">"))
        for orientation in (1, 6)
    }


TARGETS = (
    Target("image", lambda data: decode(data, _MOST_PIXELS), _seeds, words=_WORDS),
    Target("reduced-image", lambda data: EncodedImage(data, _MOST_PIXELS).decode(8), _seeds, words=_WORDS),
    Target("image-metadata", _read_metadata, _metadata_seeds),
)
