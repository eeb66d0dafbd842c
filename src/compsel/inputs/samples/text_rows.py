"""Read tables of texts as rows of fields: CSV, TSV, JSON lines, Parquet."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from compsel.errors import SamplesError, require
from compsel.inputs.samples.csv_table import read_rows

__all__ = ["read_text_rows"]

Rows = list[tuple[int, dict[str, Any]]]


def read_text_rows(table: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Rows:
    """Return the number of the line (of the row, for Parquet) and the fields of every row that is not empty.

    In `.tsv` a field in double quotes stands for what is between them, doubled quotes for one; other quotes are text.

    Args:
        table: a `.csv`, `.tsv`, `.jsonl` or `.parquet` in UTF-8.
        required: columns that each row must have.
        optional: columns that are read where they are there.

    Raises:
        SamplesError: no such table, a damaged one, or columns that are not there.
        MissingDependencyError: a Parquet file, and no pyarrow.
    """
    suffix = table.suffix.lower()
    if not table.is_file():
        raise SamplesError(f"{table}: no such file: give a table with a column {required[0]!r}")
    if suffix == ".csv":
        return list(read_rows(table, required))
    if suffix == ".tsv":
        return _tsv(table, required)
    if suffix == ".jsonl":
        return list(_json_lines(table, required))
    if suffix == ".parquet":
        return _parquet(table, required, optional)
    raise SamplesError(f"{table}: got a file {suffix or 'without suffix'}, allowed are .csv, .tsv, .jsonl, .parquet")


def _lines(table: Path) -> list[str]:
    try:
        # not splitlines(), which also splits at separators that texts may hold
        return [line.rstrip("\r") for line in table.read_text(encoding="utf-8-sig").split("\n")]
    except UnicodeDecodeError as error:
        raise SamplesError(f"{table}: not in UTF-8: {error}") from error
    except OSError as error:
        raise SamplesError(f"{table}: cannot be read: {error.strerror}") from error


def _check_columns(table: Path, columns: Sequence[str], required: Sequence[str]) -> None:
    if not set(required) <= set(columns):
        raise SamplesError(f"{table}: got columns {list(columns)}, needed are {' and '.join(map(repr, required))}")


def _tsv(table: Path, required: Sequence[str]) -> Rows:
    lines = _lines(table)
    header = [_unquoted(field) for field in lines[0].split("\t")]
    _check_columns(table, header, required)
    rows: Rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line:
            continue
        fields = [_unquoted(field) for field in line.split("\t")]
        if len(fields) != len(header):
            raise SamplesError(f"{table}, line {number}: got {len(fields)} fields, the header has {len(header)}")
        rows.append((number, dict(zip(header, fields, strict=True))))
    return rows


def _unquoted(field: str) -> str:
    inner = field[1:-1]
    quoted = len(field) > 1 and field[0] == field[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if quoted else field


def _json_lines(table: Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(_lines(table), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise SamplesError(f"{table}, line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise SamplesError(f"{table}, line {number}: got {type(row).__name__}, allowed is an object a line")
        _check_columns(Path(f"{table}, line {number}"), list(row), required)
        yield number, row


def _parquet(table: Path, required: Sequence[str], optional: Sequence[str]) -> Rows:
    parquet, arrow = require("pyarrow.parquet", extra="train"), require("pyarrow", extra="train")
    try:
        names = parquet.read_schema(table).names
        _check_columns(table, names, required)
        wanted = [name for name in names if name in {*required, *optional}]
        rows = parquet.read_table(table, columns=wanted).to_pylist()
    except (arrow.ArrowException, OSError) as error:
        raise SamplesError(f"{table}: not a Parquet file, or a damaged one: {error}") from error
    return list(enumerate(rows, start=1))
