"""Read CSV tables as rows of named fields, with the numbers of their lines for messages."""

import csv
from collections.abc import Sequence
from pathlib import Path

from compsel.errors import SamplesError

__all__ = ["read_rows"]


def read_rows(table: Path, required: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Return line number and fields by column of every row that is not empty.

    Of columns with the same name the first counts.

    Raises:
        SamplesError: not a table in UTF-8, a required column that is missing, a row of another length than the header.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            lines = [(reader.line_num, fields) for fields in reader if fields]
    except (csv.Error, UnicodeDecodeError) as error:
        raise SamplesError(f"{table}: not a CSV table in UTF-8: {error}") from error
    except OSError as error:
        raise SamplesError(f"{table}: cannot be read: {error.strerror}") from error
    header = lines[0][1] if lines else []
    if not set(required) <= set(header):
        raise SamplesError(f"{table}: got columns {header}, needed are {' and '.join(map(repr, required))}")
    for line, fields in lines[1:]:
        if len(fields) != len(header):
            raise SamplesError(f"{table}, line {line}: got {len(fields)} fields, the header has {len(header)}")
    places = {column: header.index(column) for column in header}
    return [(line, {column: fields[place] for column, place in places.items()}) for line, fields in lines[1:]]
