"""Tables that are measured row by row: here, or cut in parts that workers measure; either way the same table."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Generic, TypeVar

from compsel.parallel.backend import Backend
from compsel.parallel.running import run_tasks
from compsel.parallel.task import ParallelTask, Work
from compsel.progress import SILENT, Reporter
from compsel.storage.checkpointed import measure_rows

__all__ = ["PART_ROWS", "MeasuredTable", "measure_tables"]

Row = TypeVar("Row")
#: rows of a part: few seconds of work, and many times what opening a model takes
PART_ROWS = 100
# so many rows tell how long the others take
_TRIED_ROWS = 8


class MeasuredTable(ABC, Generic[Row]):
    """A table with a row for each of some samples; an interruption loses no row.

    >>> class Squares(MeasuredTable):
    ...     rows, count, label = [], 3, "squares"
    ...     def stored(self):
    ...         return self.rows
    ...     def save(self, rows):
    ...         self.rows = rows
    ...     def measuring(self):
    ...         from contextlib import nullcontext
    ...         return nullcontext(lambda index: index**2)
    ...     def part(self, begin, end, folder):
    ...         raise NotImplementedError
    >>> Squares().complete()
    [0, 1, 4]
    """

    @property
    @abstractmethod
    def count(self) -> int:
        """The number of rows."""

    @property
    @abstractmethod
    def label(self) -> str:
        """What is measured, in words."""

    @abstractmethod
    def stored(self) -> list[Row]:
        """Return the first rows, as far as an earlier run has stored them."""

    @abstractmethod
    def save(self, rows: Sequence[Row]) -> None:
        """Store the first rows, whole or not at all."""

    @abstractmethod
    def measuring(self) -> AbstractContextManager[Callable[[int], Row]]:
        """Give a function that measures the row at an index."""

    @abstractmethod
    def part(self, begin: int, end: int, folder: Path) -> "MeasuredTable[Row]":
        """Return some of the rows as a table of their own, in a file of the folder that is named after what goes in."""

    def complete(self, reporter: Reporter = SILENT) -> list[Row]:
        """Measure what is not stored yet, here; return all rows."""
        known = self.stored()
        if len(known) == self.count:
            return known
        with self.measuring() as measure:
            return measure_rows(known, self.count, measure, self.save, reporter, self.label)


def measure_tables(
    tables: Sequence[MeasuredTable[Row]],
    folder: Path,
    backend: Backend,
    reporter: Reporter = SILENT,
    label: str = "tables",
) -> list[list[Row]]:
    """Measure what is missing of some tables, where a backend says; return their rows.

    Args:
        tables: with what they need to be measured; they travel to workers.
        folder: of the parts, which workers reach too; a part stays there until its table is whole.
        backend: where rows are measured; where it says nothing, here, unless the rest takes so long that it is worth
            starting processes.
        reporter, label: see `compsel.parallel.running.run_tasks`.

    Raises:
        CompselError: what measuring raises, and `run_tasks`.
    """
    if backend.spreads is False or (backend.spreads is None and not _is_worth_it(tables, backend)):
        return [table.complete(reporter) for table in tables]
    known = [table.stored() for table in tables]
    parts = [
        (number, begin, min(begin + PART_ROWS - begin % PART_ROWS, table.count))
        for number, (table, rows) in enumerate(zip(tables, known, strict=True))
        for begin in _begins(len(rows), table.count)
    ]
    missing = [part for part in parts if not _is_whole(tables, folder, part)]
    if len(missing) < len(parts):
        reporter.detail(f"{label}: {len(parts) - len(missing)} of {len(parts)} parts are there from an earlier run")
    tasks = [
        ParallelTask(
            f"{number}-{begin}-{end}", f"{tables[number].label}, samples {begin} to {end - 1}", (number, begin, end)
        )
        for number, begin, end in missing
    ]
    run_tasks(Work(_measure_part, (tuple(tables), folder)), tasks, backend, reporter, label)
    for number, begin, end in parts:
        known[number] += tables[number].part(begin, end, folder).stored()
    for table, rows, number in zip(tables, known, range(len(tables)), strict=True):
        if any(part[0] == number for part in parts):
            table.save(rows)
    return known


def _begins(known: int, count: int) -> list[int]:
    """Return where parts begin: they end at multiples of `PART_ROWS`, wherever an earlier run has stopped."""
    first = [known] if known < count else []
    return [*first, *range((known // PART_ROWS + 1) * PART_ROWS, count, PART_ROWS)]


def _is_whole(tables: Sequence[MeasuredTable[Any]], folder: Path, part: tuple[int, int, int]) -> bool:
    number, begin, end = part
    return len(tables[number].part(begin, end, folder).stored()) == end - begin


def _is_worth_it(tables: Sequence[MeasuredTable[Any]], backend: Backend) -> bool:
    """Measure some rows here, and tell whether the others take longer than starting processes."""
    left = [table.count - len(table.stored()) for table in tables]
    if sum(left) <= _TRIED_ROWS:
        return False
    first = next(number for number, rows in enumerate(left) if rows)
    table, tried = tables[first], min(left[first], _TRIED_ROWS)
    stored = table.stored()
    with table.measuring() as measure:  # opened before the clock starts
        begin_s = time.perf_counter()
        measure_rows(stored, len(stored) + tried, measure, table.save, SILENT, table.label)
        row_s = (time.perf_counter() - begin_s) / tried
    return backend.pays(row_s * (sum(left) - tried))


def _measure_part(common: tuple[Sequence[MeasuredTable[Any]], Path], number: int, begin: int, end: int) -> None:
    tables, folder = common
    tables[number].part(begin, end, folder).complete()
