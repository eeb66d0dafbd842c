"""A table in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compsel.errors import SamplesError

__all__ = ["Rows", "SampleTable"]

#: number of the line (of the row, where there are no lines), and fields by column
Rows = Sequence[tuple[int, dict[str, Any]]]


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
        header = [column.strip() for column in header]
        places = {column: header.index(column) for column in header}
        rows = [(number, {column: fields[place] for column, place in places.items()}) for number, fields in lines]
        return cls(path, tuple(places), rows, tuple(remarks))
