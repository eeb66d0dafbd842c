"""A table in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compsel.errors import SamplesError
from compsel.storage.sizes import MOST_FIELDS

__all__ = ["Rows", "SampleTable", "check_extent"]

_MOST_COLUMNS = 10_000

#: number of the line (of the row, where there are no lines), and fields by column
Rows = Sequence[tuple[int, dict[str, Any]]]


def check_extent(path: Path, rows: int, columns: int) -> None:
    """Raise SamplesError where a table has more rows and columns than are held in memory.

    >>> check_extent(Path("a.csv"), 10_000_000, 3)
    Traceback (most recent call last):
    compsel.errors.SamplesError: a.csv: has 10,000,000 rows of 3 columns, allowed are 5,000,000 fields: give a part
    """
    if columns > _MOST_COLUMNS:
        raise SamplesError(f"{path}: has {columns:,} columns, allowed are {_MOST_COLUMNS:,}: give those that count")
    if rows * max(1, columns) > MOST_FIELDS:
        raise SamplesError(
            f"{path}: has {rows:,} rows of {columns} columns, allowed are {MOST_FIELDS:,} fields: give a part"
        )


@dataclass(frozen=True)
class SampleTable:
    """Rows of named fields.

    Attributes:
        path: of the file; what stands for it in messages, where there is none.
        columns: their names, each once.
        rows: those that are not empty.
        remarks: what had to be assumed while reading, a line each.

    >>> SampleTable(Path("a.csv"), ("text",), [(2, {"text": "hello"})]).place(0)
    'a.csv, line 2'
    """

    path: Path
    columns: tuple[str, ...]
    rows: Rows
    remarks: tuple[str, ...] = field(default=())

    def place(self, index: int) -> str:
        """Return where a row stands, for messages."""
        return f"{self.path}, line {self.rows[index][0]}"

    def values(self, column: str) -> list[Any]:
        """Return a column; None where a row lacks it."""
        return [row.get(column) for _, row in self.rows]

    def said(self, column: str, read: Callable[[Any, str], str | None]) -> list[str | None]:
        """Return what `read` makes of each field of a column and its place."""
        return [read(value, self.place(index)) for index, value in enumerate(self.values(column))]

    def __post_init__(self) -> None:
        check_extent(self.path, len(self.rows), len(self.columns))

    @classmethod
    def of_fields(
        cls, path: Path, header: Sequence[str], lines: Sequence[tuple[int, Sequence[str]]], remarks: Sequence[str] = ()
    ) -> "SampleTable":
        """Make one of lines of fields; of columns with the same name the first counts.

        Raises:
            SamplesError: a line of another length than the header.
        """
        for number, fields in lines:
            if len(fields) != len(header):
                raise SamplesError(f"{path}, line {number}: got {len(fields)} fields, the header has {len(header)}")
        places: dict[str, int] = {}
        for place, column in enumerate(header):
            places.setdefault(column.strip(), place)
        rows = [(number, {column: fields[place] for column, place in places.items()}) for number, fields in lines]
        return cls(path, tuple(places), rows, tuple(remarks))
