"""Read a Parquet table from its first row to its last, some columns and some rows at a time."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from compsel.errors import require
from compsel.storage.parquet import parquet_errors

__all__ = ["ParquetRows"]

_BUFFER_BYTES = 1 << 18  # of a column that is read page by page: else the whole column of a group of rows is held


class ParquetRows:
    """The rows of a table in order, whatever groups and pages they were written in.

    A file that was written as one huge group of rows is read page by page too.

    Args:
        path: of a file that `compsel.storage.parquet.opened_parquet` has found sound.
        columns: to read; others are not decoded.
        rows: that are decoded at once.

    >>> import tempfile
    >>> import numpy as np
    >>> from compsel.storage.parquet import write_table
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_table(Path(folder, "t.parquet"), {"size": np.arange(5.0)})
    ...     with ParquetRows(Path(folder, "t.parquet"), ["size"]) as rows:
    ...         rows.take(3)["size"].to_pylist(), rows.take(3)["size"].to_pylist()
    ([0.0, 1.0, 2.0], [3.0, 4.0])
    """

    def __init__(self, path: Path, columns: Sequence[str], rows: int = 65_536) -> None:
        self._arrow = require("pyarrow", "train")
        self.path = path
        self.columns = tuple(columns)
        self.rows = rows
        self._file: Any = None
        self._batches: Iterator[Any] = iter(())
        self._left: Any = None

    def __enter__(self) -> Self:
        parquet = require("pyarrow.parquet", "train")
        with parquet_errors(self.path):
            # with pre_buffer, pyarrow's default, the bytes of every group that was read stay until the file is closed
            self._file = parquet.ParquetFile(self.path, buffer_size=_BUFFER_BYTES, pre_buffer=False)
            self._batches = self._file.iter_batches(batch_size=self.rows, columns=list(self.columns))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._batches, self._left = iter(()), None
        self._file.close()

    def take(self, n: int) -> dict[str, Any]:
        """Return the next n rows as Arrow arrays by column; fewer at the end of the table, none after it.

        Raises:
            ProfileError: a page that is damaged.
        """
        parts, found = [], 0
        while found < n:
            batch = self._left if self._left is not None else self._next()
            self._left = None
            if batch is None:
                break
            if batch.num_rows > n - found:
                self._left = batch.slice(n - found)
                batch = batch.slice(0, n - found)
            parts.append(batch)
            found += batch.num_rows
        if not parts:
            return {}
        return {name: self._joined([part.column(name) for part in parts]) for name in self.columns}

    def _joined(self, arrays: list[Any]) -> Any:
        return arrays[0] if len(arrays) == 1 else self._arrow.concat_arrays(arrays)

    def _next(self) -> Any:
        with parquet_errors(self.path):
            batch = next(self._batches, None)
            if batch is not None:
                batch.validate(full=True)
            return batch
