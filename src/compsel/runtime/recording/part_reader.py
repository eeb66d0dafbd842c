"""Reads parts of records that anybody may have sent: what is broken, or made to harm, is refused early."""

import contextlib
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from compsel.errors import ProfileError, VersionError, one_line, require
from compsel.runtime.recording.part_format import (
    FORMAT_VERSION,
    METADATA_KEY,
    OUTCOME_COLUMNS,
    STAGE_COLUMNS,
    STATE_COLUMNS,
    PartHeader,
)
from compsel.storage.parquet_sizes import check_parquet

__all__ = ["check_file", "check_values", "read_head", "read_part"]

_MOST_BYTES = 64_000_000  # of a part; one that is written has 4 MB
_MOST_UNPACKED_BYTES = 256_000_000
_MOST_ROWS = 1_000_000
_MOST_COLUMNS = 512
_MOST_ITEMS = 100_000  # of a list in the description
_MOST_METADATA_BYTES = 100_000
_LIMITS = {
    "thrift_string_size_limit": _MOST_BYTES,
    "thrift_container_size_limit": _MOST_ITEMS,
    "page_checksum_verification": True,
}
_LONGEST_TEXT = 1000
_MOST_TEXT_BYTES = 128_000_000  # of a column; one text that is named a million times takes no room in a file
_LATEST_US = 9e15  # the year 2255; what calendars cannot hold would end whoever reads it
_NOT_NEGATIVE = ("answer", "stage", "latency_ms", "expected_ms", "answer_ms", "size")
_FRACTIONS = ("probability_right", "confidence", "right")
_SESSION = "^[0-9a-f]{16}$"
_TEXTS = ("variant", "processor", "session")
_ALWAYS = ("answer", "stage", "time", "variant", "processor", "session")


def check_file(path: Path, most_bytes: int = _MOST_BYTES) -> None:
    """Refuse what is no file, or a larger one than any of ours.

    Raises:
        ProfileError: so it is.
    """
    seen = path.lstat()
    if not stat.S_ISREG(seen.st_mode):
        raise ProfileError(f"{path}: is no file: take it out of the folder")
    if seen.st_size > most_bytes:
        raise ProfileError(f"{path}: has {seen.st_size} bytes, allowed are {most_bytes}: take it out of the folder")


def read_part(path: Path, *, known: bool = False) -> tuple[PartHeader, Any]:
    """Read a part: what is alike for all rows, and the rows as an Arrow table.

    Args:
        path: of the file.
        known: it has been read here before, and takes no more memory than a part does: that takes half the time.

    Raises:
        ProfileError: no part, a damaged one, or one with values that cannot be.
        VersionError: written by a newer compsel.
    """
    pa, parquet = require("pyarrow", "train"), require("pyarrow.parquet", "train")
    check_file(path)
    with _part_errors(path), path.open("rb") as stream:
        if not known:
            check_parquet(stream, _MOST_UNPACKED_BYTES)
        file = parquet.ParquetFile(stream, **_LIMITS)
        header = _header(path, file)
        _check_schema(pa, file, header)
        if not known:
            texts = [name for name in file.schema_arrow.names if name in _TEXTS]
            file = parquet.ParquetFile(stream, metadata=file.metadata, read_dictionary=texts, **_LIMITS)
        table = _unpacked(pa, file.read(use_threads=False))
        table.validate(full=True)
        check_values(table)
    return header, table


def read_head(path: Path) -> tuple[PartHeader, list[str]]:
    """Return what is alike for all rows of a part that has been read here before, and the names of its columns.

    Raises:
        ProfileError, VersionError: see `read_part`.
    """
    parquet = require("pyarrow.parquet", "train")
    check_file(path)
    with _part_errors(path), path.open("rb") as stream:
        file = parquet.ParquetFile(stream, **_LIMITS)
        return _header(path, file), file.schema_arrow.names


@contextlib.contextmanager
def _part_errors(path: Path) -> Iterator[None]:
    """Turn what reading may raise into ProfileError."""
    pa = require("pyarrow", "train")
    try:
        yield
    except VersionError:
        raise
    except (OSError, ValueError, LookupError, MemoryError, pa.ArrowException) as error:
        raise ProfileError(f"{path}: is no part of records ({one_line(error)}): take it out of the folder") from error


def _header(path: Path, file: Any) -> PartHeader:
    data = (file.schema_arrow.metadata or {}).get(METADATA_KEY)
    if data is None or len(data) > _MOST_METADATA_BYTES:
        raise ValueError("it says nothing of itself")
    header = PartHeader.read(data)
    if header.format_version > FORMAT_VERSION:
        raise VersionError(
            f"{path}: has format {header.format_version}, this compsel reads up to {FORMAT_VERSION}: update compsel"
        )
    return header


def _check_schema(pa: Any, file: Any, header: PartHeader) -> None:
    found, schema = file.metadata, file.schema_arrow
    groups = [found.row_group(place).total_byte_size for place in range(found.num_row_groups)]
    if found.num_rows > _MOST_ROWS or len(schema) > _MOST_COLUMNS or sum(groups) > _MOST_UNPACKED_BYTES:
        raise ValueError(f"{found.num_rows} rows of {len(schema)} columns, {sum(groups)} bytes: more than a part has")
    needed = STAGE_COLUMNS if header.kind == "answers" else OUTCOME_COLUMNS
    types = dict(needed)
    if header.kind == "answers":
        types |= dict.fromkeys(STATE_COLUMNS, "float")
    names = schema.names
    for name in needed:
        if names.count(name) != 1:
            raise ValueError(f"column {name!r} stands there {names.count(name)} times")
    for field in schema:
        wanted = types.get(field.name) or ("float" if "." in field.name else None)
        if wanted is None or names.count(field.name) > 1:
            raise ValueError(f"column {field.name[:40]!r} is none of a part")
        kind = pa.timestamp("us", "UTC") if field.name == "time" else pa.type_for_alias(wanted)
        if field.type != kind:
            raise ValueError(f"column {field.name!r} is {field.type}, allowed is {kind}")


def _unpacked(pa: Any, table: Any) -> Any:
    """Return the table with texts as they are: they were read as numbers of texts."""
    compute = require("pyarrow.compute", "train")
    for place, field in enumerate(table.schema):
        if not pa.types.is_dictionary(field.type):
            continue
        column, size = table.column(place), 0
        column.validate(full=True)
        for chunk in column.chunks:
            lengths = compute.binary_length(chunk.dictionary).cast("int64")
            _check_length(field.name, compute.max(lengths).as_py())
            size += compute.sum(lengths.take(chunk.indices)).as_py() or 0
        if size > _MOST_TEXT_BYTES:
            raise ValueError(f"{field.name} has {size} bytes of texts, allowed are {_MOST_TEXT_BYTES}")
        table = table.set_column(place, field.name, column.cast(pa.string()))
    return table


def _check_length(name: str, longest: int | None) -> None:
    if (longest or 0) > _LONGEST_TEXT:
        raise ValueError(f"{name} has {longest} bytes, allowed are {_LONGEST_TEXT}")


def check_values(table: Any) -> None:
    """Refuse numbers that cannot be, and texts that are longer than any of ours, or no sessions.

    Raises:
        ValueError: so it is.
    """
    compute = require("pyarrow.compute", "train")
    for name, low, high in _ranges(table):
        column = table.column(name)
        limits = compute.min_max(column.cast("int64") if name == "time" else column).as_py()
        if limits["min"] is not None and not low <= limits["min"] <= limits["max"] <= high:
            raise ValueError(f"{name} from {limits['min']} to {limits['max']}, allowed is {low:g} to {high:g}")
        # what is not known is left out
        if str(column.type) in ("float", "double") and compute.any(compute.is_nan(column)).as_py():
            raise ValueError(f"{name} is no number, allowed is {low:g} to {high:g}")
    for name in table.column_names:
        column = table.column(name)
        if name in _ALWAYS and column.null_count:
            raise ValueError(f"{name} is missing {column.null_count} times")
        if str(column.type) == "string" and len(column):
            _check_length(name, compute.max(compute.binary_length(column)).as_py())
        if name == "session" and not compute.all(compute.match_substring_regex(column, _SESSION), min_count=0).as_py():
            raise ValueError("session: not all are 16 hexadecimal digits")


def _ranges(table: Any) -> Iterator[tuple[str, float, float]]:
    bounds: Mapping[str, tuple[float, float]] = {
        **dict.fromkeys(_NOT_NEGATIVE, (0.0, 1e18)),
        **dict.fromkeys(_FRACTIONS, (0.0, 1.0 + 1e-6)),
        **dict.fromkeys(STATE_COLUMNS, (-1e18, 1e18)),
        "time": (0.0, _LATEST_US),
    }
    for name, (low, high) in bounds.items():
        if name in table.column_names:
            yield name, low, high
