"""The files that samples are read from: tables of labels, archives of arrays; and how a change of one is noticed."""

import csv
import hashlib
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from compsel.errors import SamplesError

__all__ = ["has_column", "hash_of", "read_csv", "read_npz", "repeated", "version_of_file"]


def has_column(table: Path, column: str) -> bool:
    """Whether a table has such a column.

    Raises:
        SamplesError: not a table in UTF-8.
    """
    lines = _lines(table)
    return bool(lines) and column in lines[0][1]


def read_csv(table: Path, columns: Sequence[str]) -> list[tuple[int, tuple[str, ...]]]:
    """Return line number and the fields of these columns of every row.

    Raises:
        SamplesError: not a table in UTF-8, a column that is missing, a row of another length than the header.
    """
    lines = _lines(table)
    header = lines[0][1] if lines else []
    if not set(columns) <= set(header):
        raise SamplesError(f"{table}: got columns {header}, needed are {' and '.join(map(repr, columns))}")
    for line, fields in lines[1:]:
        if len(fields) != len(header):
            raise SamplesError(f"{table}, line {line}: got {len(fields)} fields, the header has {len(header)}")
    places = [header.index(column) for column in columns]
    return [(line, tuple(fields[place] for place in places)) for line, fields in lines[1:]]


def _lines(table: Path) -> list[tuple[int, list[str]]]:
    """Return line number and fields of every row that is not empty, the header too."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            return [(reader.line_num, fields) for fields in reader if fields]
    except (csv.Error, UnicodeDecodeError) as error:
        raise SamplesError(f"{table}: not a CSV table in UTF-8: {error}") from error
    except OSError as error:
        raise SamplesError(f"{table}: cannot be read: {error.strerror}") from error


def read_npz(path: Path, only: str | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of an archive by name, or at most the one called `only`.

    Raises:
        SamplesError: not an archive of plain arrays, or a damaged one.
    """
    try:
        # opened here, for `np.load` leaves a file open that is no archive
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, NpzFile):
                raise ValueError("it holds one array without a name")
            with archive:
                arrays = {key: archive[key] for key in archive.files if only in (None, key)}
        other = [key for key, array in arrays.items() if not isinstance(array, np.ndarray)]
        if other:
            raise ValueError(f"{other[0]} is not an array")
        return arrays
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise SamplesError(f"{path}: not an .npz of plain arrays, or a damaged one: {error}") from error


def repeated(names: Sequence[str]) -> str:
    """Return the name that stands there most often."""
    return Counter(names).most_common(1)[0][0]


def version_of_file(path: Path) -> str:
    """Return size and time of change: what tells most cheaply that a file is another one."""
    try:
        found = path.stat()
    except OSError:
        return "gone"
    return f"{found.st_size} {found.st_mtime_ns}"


def hash_of(value: np.ndarray | Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of an array, or of named ones: names, types, shapes and content."""
    arrays = sorted(value.items()) if isinstance(value, Mapping) else [("", value)]
    digest = hashlib.sha256()
    for name, array in arrays:
        content = repr(array.tolist()).encode() if array.dtype.hasobject else np.ascontiguousarray(array).tobytes()
        digest.update(f"{name} {array.dtype} {array.shape} ".encode() + content)
    return digest.hexdigest()
