"""A measuring loop with checkpoints: an interruption loses no row, and a later run resumes where it stopped."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from compsel.progress import Reporter

__all__ = ["measure_rows"]

Row = TypeVar("Row")
_SAVE_EVERY_S = 30.0


def measure_rows(
    known: Sequence[Row],
    count: int,
    measure: Callable[[int], Row],
    save: Callable[[Sequence[Row]], None],
    reporter: Reporter,
    label: str,
) -> list[Row]:
    """Measure the rows from `len(known)` to `count` and return all of them.

    Args:
        known: rows of an earlier run.
        count: of all rows.
        measure: returns the row at an index.
        save: stores the rows so far; called every 30 s, at the end, and when the work is interrupted.
        reporter: of the progress.
        label: of the loop, for the reporter.

    >>> from compsel.progress import SILENT
    >>> stored = []
    >>> measure_rows([1, 2], 4, lambda index: index + 1, stored.append, SILENT, "numbers")
    [1, 2, 3, 4]
    >>> stored
    [[1, 2, 3, 4]]
    """
    rows = list(known)
    saved, saved_s = len(rows), time.perf_counter()
    try:
        for index in reporter.track(range(len(rows), count), label):
            rows.append(measure(index))
            if time.perf_counter() - saved_s > _SAVE_EVERY_S:
                save(rows)
                saved, saved_s = len(rows), time.perf_counter()
    finally:
        if len(rows) > saved:
            save(rows)
    return rows
