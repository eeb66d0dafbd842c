"""Images that would keep a decoder busy or fill the memory are refused; those just below a bound are read."""

import sys
import time
from collections.abc import Callable

import numpy as np
import pytest

from compsel.errors import ImageError
from compsel.inputs.images.decoding import decode
from tests.hostile import jpegs, other_images, pngs, tiffs
from tests.hostile.images import HOSTILE, WELL_FORMED, decoded_in_a_child
from tests.hostile.peak import measured_peak

# of a picture that is decoded: 16 MB at most
_MOST_PIXELS = 1_000_000
_MOST_MB, _MOST_SECONDS = 64 + 16, 1.0
REFUSED = {
    "JPEG, thousands of scans": "5000 scans of a JPEG, allowed are 100",
    "JPEG, thousands of sequential scans": "2000 scans of a JPEG",
    "JPEG, a million segments": "segments of a JPEG",
    "JPEG, two frames": "two frames",
    "JPEG, ten colours": "10 colours",
    "JPEG, start again and again": "segments of a JPEG",
    "PNG, a million chunks": "chunks of a PNG",
    "PNG, a million empty parts": "chunks of a PNG",
    "PNG, pixels one byte a chunk, no end": "chunks of a PNG",
    "PNG, metadata of many strings": "bytes of metadata",
    "PNG, pixels that go on": "bytes of packed pixels",
    "PNG, pixels that go on, no end": "bytes of packed pixels",
    "TIFF, entries that share their values": "entries of a TIFF",
    "TIFF, many entries that share all of the file": "entries of a TIFF",
    "TIFF, a directory of 30 kB": "bytes that entries of a TIFF name",
    "BigTIFF, entries that share their values": "entries of a TIFF",
    "TIFF, a tile of 16384 x 16352 for a pixel": "pixels in a part of a TIFF",
    "TIFF, rows of a strip beyond all": "pixels in a part of a TIFF",
    "TIFF, a million directories": "directories of a TIFF",
    "TIFF, a directory that follows itself": "directories of a TIFF",
    "TIFF, strips that share a piece": "bytes in parts of a TIFF",
    "GIF, a megabyte of starts": "50001 starts of codes",
    "GIF, sub-blocks of a byte": "blocks of a GIF",
    "GIF, a million extensions": "blocks of a GIF",
    "GIF, a million frames": "blocks of a GIF",
    "WebP, a hundred thousand frames": "chunks of a WebP",
    "WebP, a million chunks": "chunks of a WebP",
    "WebP, frames of nothing": "chunks of a WebP",
    "WebP, metadata of many texts": "bytes of metadata",
}
BELOW: dict[str, Callable[[], bytes]] = {
    "JPEG, 100 scans": lambda: jpegs.jpeg_of_scans(100, 100),
    "JPEG, 10,000 segments": lambda: jpegs.jpeg_of_segments(10_000),
    "PNG, 9,000 chunks": lambda: pngs.png_with(pngs.chunk(b"tEXt", b"a\0") * 9000),
    "PNG, 3,000 parts of one byte": lambda: pngs.png_of_small_parts(3000),
    "PNG, 200 frames": lambda: pngs.png_of_frames(200, 200),
    "TIFF, 4,000 entries": lambda: tiffs.tiff_of_shared_values(4000, 4, 1),
    "TIFF, 60,000 directories": lambda: tiffs.tiff_of_directories(60_000),
    "TIFF, a tile of 2048 x 2048 for a pixel": lambda: tiffs.tiff_of_tiles(2048, whole=True),
    "WebP, 10,000 frames": lambda: other_images.webp_of_frames(10_000),
}


@pytest.mark.parametrize("name", [*WELL_FORMED, *HOSTILE])
def test_time_and_memory_are_bounded(name: str) -> None:
    data = {**WELL_FORMED, **HOSTILE}[name]()
    begin = time.process_time()
    with measured_peak() as peak:
        try:
            said, pixels = "", decode(data, _MOST_PIXELS).shape
        except ImageError as error:
            said, pixels = str(error), None
    assert time.process_time() - begin < _MOST_SECONDS
    assert peak.mb < _MOST_MB + len(data) / 1e6
    assert REFUSED.get(name, "") in said
    if name in WELL_FORMED:
        assert pixels == (16, 24, 3)


@pytest.mark.parametrize("name", BELOW)
def test_what_is_just_below_a_bound_is_read(name: str) -> None:
    assert decode(BELOW[name]()).shape[2] == 3


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are kept on Linux")
@pytest.mark.parametrize(
    "name", ["PNG, hundreds of packed texts", "TIFF, a tile of 16384 x 16352 for a pixel", "PNG, thousands of frames"]
)
def test_decoding_keeps_a_limit_of_memory(name: str) -> None:
    data = HOSTILE[name]()
    _, mb, came = decoded_in_a_child(data, limit_mb=1200)
    assert not came.startswith(("ENDED", "STOPPED"))
    assert mb < _MOST_MB


def test_texts_profiles_and_frames_beside_a_picture_change_nothing_of_it() -> None:
    plain = decode(pngs.written(16))
    for name in ("PNG, hundreds of packed texts", "PNG, a packed colour profile", "PNG, frames without number"):
        np.testing.assert_array_equal(decode(HOSTILE[name]()), plain)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_starts_of_codes_are_counted_as_a_decoder_meets_them(bits: int) -> None:
    data = other_images.gif_of_starts(49_000, bits)
    assert decode(data).shape == (8, 8, 3)
    with pytest.raises(ImageError, match="starts of codes"):
        decode(other_images.gif_of_starts(50_500, bits))
