"""What a Parquet file says that it unpacks to: pyarrow reserves as much before it looks at what is there.

Rows, values and bytes are counted in the footer, for the file, each group of rows and each column in it, and in the
header of each page; each can be false alone. They are read here, since pyarrow's own views of the footer end the
process where it is damaged (26.0, "terminate called after throwing an instance of 'parquet::ParquetException'").
The numbers of the fields are those of https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from collections.abc import Iterator
from typing import Any, BinaryIO

from compsel.storage.regular_files import file_size
from compsel.storage.thrift_compact import StructReader

__all__ = ["check_parquet"]

_MARK, _TAIL_BYTES = b"PAR1", 8
_FOOTER_BYTES = 8_000_000  # which describes every column of every group of rows
_MOST_COLUMNS, _MOST_PAGES = 10_000, 100_000
_VALUE_BYTES = 8
_FIRST_PAGE = 4
_HEADER_BYTES, _LONGEST_HEADER_BYTES = 4096, 1 << 20
_FILE_ROWS, _GROUPS = 3, 4
_COLUMNS, _GROUP_BYTES, _GROUP_ROWS = 1, 2, 3
_CHUNK = 3
_VALUES, _UNPACKED_CHUNK, _PACKED_CHUNK, _DATA_PLACE, _DICTIONARY_PLACE = 5, 6, 7, 9, 11
_UNPACKED_PAGE, _PACKED_PAGE = 2, 3


def check_parquet(stream: BinaryIO, most_bytes: int, most_pages: int = _MOST_PAGES) -> None:
    """Raise ValueError where a Parquet file is damaged, or says that it unpacks to more than so many bytes.

    Args:
        stream: the file; its position changes.
        most_bytes: that all values may take.
        most_pages: that it may have.
    """
    try:
        footer = _footer(stream)
        unpacked = max(_said_bytes(footer), _page_bytes(stream, footer, most_pages))
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("its footer, or the header of a page, is damaged") from error
    if unpacked > most_bytes:
        raise ValueError(f"{file_size(stream):,} bytes unpack to {unpacked:,}, allowed are {most_bytes:,}")


def _footer(stream: BinaryIO) -> dict[int, Any]:
    size = file_size(stream)
    stream.seek(max(0, size - _TAIL_BYTES))
    tail = stream.read(_TAIL_BYTES)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MARK or length > size - _TAIL_BYTES:
        raise ValueError("it does not end as a Parquet file does")
    if length > _FOOTER_BYTES:
        raise ValueError(f"its footer has {length:,} bytes, allowed are {_FOOTER_BYTES:,}")
    stream.seek(size - _TAIL_BYTES - length)
    # columns and groups of rows are lists
    return StructReader(stream.read(length), longest_list=_MOST_COLUMNS).struct(0)[0]


def _chunks(footer: dict[int, Any]) -> Iterator[dict[int, Any]]:
    for group in footer[_GROUPS]:
        for column in group[_COLUMNS]:
            yield column[_CHUNK]


def _said_bytes(footer: dict[int, Any]) -> int:
    """Return how many bytes rows and values take at least, by whatever the footer says of their number."""
    groups = footer[_GROUPS]
    columns = max((len(group[_COLUMNS]) for group in groups), default=0)
    rows = [footer[_FILE_ROWS], *(group[_GROUP_ROWS] for group in groups)]
    values = [chunk[_VALUES] for chunk in _chunks(footer)]
    stored = [group[_GROUP_BYTES] for group in groups] + [chunk[_UNPACKED_CHUNK] for chunk in _chunks(footer)]
    if min([*rows, *values, *stored], default=0) < 0:
        raise ValueError("its footer counts less than nothing: it is damaged")
    # rows and bytes are counted twice, for what holds them too
    taken: int = max(_VALUE_BYTES * max(1, columns) * sum(rows) // 2, _VALUE_BYTES * sum(values), sum(stored) // 2)
    return taken


def _page_bytes(stream: BinaryIO, footer: dict[int, Any], most_pages: int) -> int:
    """Return how many bytes all pages say that they unpack to."""
    total = pages = 0
    for chunk in _chunks(footer):
        begin, dictionary = chunk[_DATA_PLACE], chunk.get(_DICTIONARY_PLACE, 0)
        place = dictionary if 0 < dictionary < begin else begin
        end = place + chunk[_PACKED_CHUNK]
        # before that stands the mark of the format: a column of no rows
        while _FIRST_PAGE <= place < end:
            pages += 1
            header, length = _page_header(stream, place)
            unpacked, packed = header[_UNPACKED_PAGE], header[_PACKED_PAGE]
            if min(unpacked, packed) < 0 or pages > most_pages:
                raise ValueError(f"has a page of {unpacked} bytes in {packed}, or over {most_pages:,} pages")
            total += unpacked
            place += length + packed
    return total


def _page_header(stream: BinaryIO, place: int) -> tuple[dict[int, Any], int]:
    """Return the header of a page, and how many bytes it has."""
    for size in (_HEADER_BYTES, _LONGEST_HEADER_BYTES):
        stream.seek(place)
        try:
            return StructReader(stream.read(size)).struct(0)
        except IndexError:
            continue
    raise ValueError(f"the header of the page at byte {place} is damaged")
