"""TIFFs whose entries are each allowed, and whose number, size or place is an attack."""

import struct
from collections.abc import Sequence

from tests.hostile.jpegs import jpeg_of_scans
from tests.hostile.pngs import packed

__all__ = ["HOSTILE", "tiff"]

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STARTS, _SAMPLES, _ROWS, _LENGTHS, _PLANAR = 273, 277, 278, 279, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILE_STARTS, _TILE_LENGTHS, _FORMAT = 322, 323, 324, 325, 339
_SHORT, _LONG, _LONG8 = 3, 4, 16
_PACKBITS, _DEFLATE, _LZW, _JPEG = 32773, 8, 5, 7

Entry = tuple[int, int, int, int]


def tiff(entries: Sequence[Entry], behind: bytes = b"", next_directory: int = 0) -> bytes:
    """Return a file of one directory at the place 8, each entry (tag, type, number of values, value or place)."""
    listed = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + listed + struct.pack("<I", next_directory) + behind


def place_behind(entries: int) -> int:
    """Where what follows a directory of so many entries begins."""
    return 8 + 2 + 12 * entries + 4


def grey(width: int, height: int, **other: int) -> list[Entry]:
    """Return the entries of a grey picture in one strip of one byte that all files have; `other` replaces some."""
    values = {
        "width": (_WIDTH, _LONG, width), "height": (_HEIGHT, _LONG, height), "bits": (_BITS, _SHORT, 8),
        "compression": (_COMPRESSION, _SHORT, 1), "photometric": (_PHOTOMETRIC, _SHORT, 1),
        "start": (_STARTS, _LONG, 8), "samples": (_SAMPLES, _SHORT, 1), "rows": (_ROWS, _LONG, height),
        "length": (_LENGTHS, _LONG, 1),
    }  # fmt: skip
    return [(tag, kind, 1, other.get(name, value)) for name, (tag, kind, value) in values.items()]


def tiff_of_shared_values(entries: int, size: int, kind: int = 1) -> bytes:
    """Return a directory whose entries all name the same values, of unknown tags."""
    known = grey(4, 4, length=16)
    place = place_behind(len(known) + entries)
    return tiff(known + [(1000 + number, kind, size, place) for number in range(entries)], bytes(size * 8))


def big_tiff_of_shared_values(entries: int, size: int) -> bytes:
    """Return the same in a BigTIFF, whose directories are longer."""
    place = 16 + 8 + 20 * entries + 8
    listed = b"".join(struct.pack("<HHQQ", number, 1, size, place) for number in range(1, entries + 1))
    return b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, entries) + listed + bytes(8) + bytes(size)


def tiff_of_tiles(side: int, *, whole: bool = False) -> bytes:
    """Return a picture of one pixel in a tile of so many, which is there or not."""
    entries = [entry for entry in grey(1, 1) if entry[0] not in (_STARTS, _ROWS, _LENGTHS)]
    place, length = (place_behind(len(entries) + 4), side * side) if whole else (8, 1)
    tile = ((_TILE_WIDTH, side), (_TILE_HEIGHT, side), (_TILE_STARTS, place), (_TILE_LENGTHS, length))
    return tiff(entries + [(tag, _LONG, 1, value) for tag, value in tile], bytes(length if whole else 0))


def tiff_of_directories(count: int) -> bytes:
    """Return a picture that is followed by empty directories, each naming the next."""
    first = grey(4, 4, length=16)
    begin = place_behind(len(first))
    chain = b"".join(struct.pack("<HI", 0, begin + 6 * (number + 1)) for number in range(count - 1))
    return tiff(first, chain + bytes(6), begin)


def tiff_of_endless_directories() -> bytes:
    """Return a picture whose next directory is itself."""
    return tiff(grey(4, 4, length=16), bytes(16), 8)


def tiff_of_shared_strips(rows: int, size: int) -> bytes:
    """Return a picture each of whose rows is one strip, all of them the same long piece of the file."""
    known = [entry for entry in grey(16, rows, rows=1, compression=_LZW) if entry[0] not in (_STARTS, _LENGTHS)]
    begin = place_behind(len(known) + 2)
    lists = [(_STARTS, _LONG, rows, begin), (_LENGTHS, _LONG, rows, begin + 4 * rows)]
    starts = struct.pack("<I", begin + 8 * rows) * rows
    return tiff(known + lists, starts + struct.pack("<I", size) * rows + bytes(size))


def tiff_of_strips(count: int) -> bytes:
    """Return a picture of one row that lists so many strips, in places of their own."""
    known = [entry for entry in grey(4, 1) if entry[0] not in (_STARTS, _LENGTHS)]
    begin = place_behind(len(known) + 2)
    lists = [(_STARTS, _LONG, count, begin), (_LENGTHS, _LONG, count, begin + 4 * count)]
    return tiff(known + lists, struct.pack("<I", 8) * count + struct.pack("<I", 4) * count)


def tiff_of_jpeg_scans(scans: int, side: int = 1000) -> bytes:
    """Return a picture whose strip is a progressive JPEG of so many scans."""
    data = jpeg_of_scans(scans, side)
    entries = grey(side, side, compression=_JPEG, length=len(data))
    place = place_behind(len(entries))
    return tiff([(*entry[:3], place) if entry[0] == _STARTS else entry for entry in entries], data)


def tiff_that_unpacks_to(megabytes: int) -> bytes:
    """Return a picture of one pixel whose strip is compressed, and goes on and on."""
    data = packed(megabytes)
    entries = grey(1, 1, compression=_DEFLATE, length=len(data))
    place = place_behind(len(entries))
    return tiff([(*entry[:3], place) if entry[0] == _STARTS else entry for entry in entries], data)


HOSTILE = {
    "TIFF, entries that share their values": lambda: tiff_of_shared_values(8000, 1000, 4),
    "TIFF, many entries that share all of the file": lambda: tiff_of_shared_values(16_000, 200_000, 4),
    "TIFF, a directory of 30 kB": lambda: tiff_of_shared_values(1200, 1800, 5),
    "TIFF, a directory of 200 kB": lambda: tiff_of_shared_values(8000, 12_000, 5),
    "BigTIFF, entries that share their values": lambda: big_tiff_of_shared_values(60_000, 800_000),
    "TIFF, a tile of 16384 x 16352 for a pixel": lambda: tiff_of_tiles(16352),
    "TIFF, a million directories": lambda: tiff_of_directories(1_000_000),
    "TIFF, a directory that follows itself": tiff_of_endless_directories,
    "TIFF, strips that share a piece": lambda: tiff_of_shared_strips(60_000, 500_000),
    "TIFF, two million strips for a row": lambda: tiff_of_strips(2_000_000),
    "TIFF, a JPEG of thousands of scans": lambda: tiff_of_jpeg_scans(5000),
    "TIFF, a strip that goes on": lambda: tiff_that_unpacks_to(1000),
    "TIFF, 65535 samples": lambda: tiff(grey(10_000, 1000, samples=65535)),
    "TIFF, rows of a strip beyond all": lambda: tiff(grey(10_000, 10, rows=2**31 - 1)),
    "TIFF, 64 bits": lambda: tiff([*grey(10_000, 10_000, bits=64), (_FORMAT, _SHORT, 1, 3)]),
}
