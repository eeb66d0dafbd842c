"""Parts of one kind that a process writes one after the other; the last one grows until it is large or old."""

import time
from collections.abc import Callable
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from compsel.errors import require
from compsel.runtime.recording.part_folder import PartFolder
from compsel.runtime.recording.part_format import METADATA_KEY, STATE_COLUMNS, PartHeader, part_name
from compsel.storage.files import atomic_file

__all__ = ["FullFolderError", "PartSeries", "write_part"]

_MOST_ROWS = 30_000  # a part that grows is held in memory, and written anew each time
_OLDEST_S = 600.0  # then a part is whole, and may be sent


class FullFolderError(Exception):
    """The parts take what they may, and none of them shall go."""


def write_part(path: Path, table: Any, header: PartHeader, beside: Path) -> int:
    """Write a part, whole or not at all; it is on the disk then. Return its size in bytes.

    Raises:
        OSError: a full disk, no permission.
    """
    parquet = require("pyarrow.parquet", "record")
    table = table.replace_schema_metadata({METADATA_KEY: header.write()})
    with atomic_file(path, beside=beside) as temporary:
        parquet.write_table(table, temporary, compression="zstd", **_encodings(table.schema))
        return temporary.stat().st_size


def _encodings(schema: Any) -> dict[str, Any]:
    """Return how columns are written: a third smaller than by default, and in a quarter of the time."""
    counting = [name for name in schema.names if name in ("answer", "time")]
    repeated = ("expected_ms", "size", *STATE_COLUMNS)  # alike for all answers by the same plan
    texts = [field.name for field in schema if str(field.type) == "string"]
    return {
        "use_dictionary": [*texts, *(name for name in schema.names if name in repeated)],
        "use_byte_stream_split": [
            field.name for field in schema if str(field.type) == "float" and field.name not in repeated
        ],
        "column_encoding": dict.fromkeys(counting, "DELTA_BINARY_PACKED"),
        "write_statistics": counting,
        "write_page_checksum": True,
    }


class PartSeries:
    """Writes tables into parts.

    What is added is safe when `write` returns: the part is written anew with it, under a temporary name. A part that
    somebody took away meanwhile is not written again. A part holds one session.

    Args:
        folder: of the parts.
        header: gives what stands in the next part of a session to be written.

    Attributes:
        pending_rows: that are not written.
        parts, written_bytes: that were written so far.
    """

    def __init__(self, folder: PartFolder, header: Callable[[str], PartHeader]) -> None:
        self._folder, self._header = folder, header
        self._pending: list[tuple[str, Any]] = []  # session and table
        self._session = ""
        self._written: Any = None  # what the part that grows holds
        self._path: Path | None = None
        self._begun_s = 0.0
        self._size = 0
        self.pending_rows = self.parts = self.written_bytes = 0

    def add(self, table: Any, session: str) -> None:
        """Take a table of a session, to be written."""
        self._pending.append((session, table))
        self.pending_rows += table.num_rows

    def drop_oldest(self, most_rows: int) -> list[Any]:
        """Forget the oldest tables until no more rows are pending than that; return what was forgotten."""
        dropped = []
        while self.pending_rows > most_rows and self._pending:
            dropped.append(self._pending.pop(0)[1])
            self.pending_rows -= dropped[-1].num_rows
        return dropped

    def write(self) -> None:
        """Write what is pending.

        Raises:
            OSError, FullFolderError: it stays pending.
        """
        while self._pending:
            session, first = next(groupby(self._pending, itemgetter(0)))
            self._write(session, [table for _, table in first])

    def _write(self, session: str, tables: list[Any]) -> None:
        """Write tables of a session, the first ones that are pending."""
        pa, header = require("pyarrow", "record"), self._header(session)
        if session != self._session or self._path is None or not self._path.exists():
            self._written, self._path = None, None
        if not self._folder.make_room("" if self._path is None else self._path.name):
            raise FullFolderError
        if self._path is None:
            name = part_name(self._folder.next_number(), header.session, header.kind)
            self._path, self._begun_s, self._size = self._folder.path / name, time.monotonic(), 0
            self._session = session
        rows = sum(table.num_rows for table in tables)
        every = tables if self._written is None else [self._written, *tables]
        table = pa.concat_tables(every, promote_options="default").combine_chunks()
        size = write_part(self._path, table, header, self._folder.beside)
        self.parts += self._size == 0
        self.written_bytes += size - self._size
        del self._pending[: len(tables)]
        self._size, self._written, self.pending_rows = size, table, self.pending_rows - rows
        if (
            size >= self._folder.part_bytes
            or table.num_rows >= _MOST_ROWS
            or time.monotonic() - self._begun_s > _OLDEST_S
        ):
            self._written = self._path = None
