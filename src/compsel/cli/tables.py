"""Results as tables: for people on a terminal, and as aligned plain text for pipes and files."""

import os
import sys
from collections.abc import Iterable, Sequence

__all__ = ["plain_table", "print_table"]


def print_table(rows: Iterable[Iterable[object]], header: Sequence[str]) -> None:
    """Print a table: laid out by `rich` on a terminal where it is installed, else by `plain_table`.

    `rich` obeys NO_COLOR; with FORCE_COLOR, a pipe is treated as a terminal.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    if not ((sys.stdout.isatty() or os.environ.get("FORCE_COLOR")) and _print_rich(cells, header)):
        print(plain_table(cells, header))


def plain_table(rows: Iterable[Iterable[object]], header: Iterable[str]) -> str:
    """Lay out rows as text, one line a row: columns aligned, numbers to the right.

    >>> print(plain_table([("a", 1.5), ("b", 12.25)], ("name", "ms")))
    name     ms
    a       1.5
    b     12.25
    """
    titles = list(header)
    cells = [[str(cell) for cell in row] for row in rows]
    lines = [titles, *cells]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    numeric = _numeric_columns(cells, len(titles))
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    )


def _numeric_columns(rows: list[list[str]], columns: int) -> list[bool]:
    return [
        all(row[column].replace(".", "").replace("%", "").strip("+-x kMGB").isdigit() for row in rows if row[column])
        for column in range(columns)
    ]


def _print_rich(rows: list[list[str]], header: Sequence[str]) -> bool:
    """Print a table by `rich`; return False where it is not installed."""
    try:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title, right in zip(header, _numeric_columns(rows, len(header)), strict=True):
        shown.add_column(Text(title), justify="right" if right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*map(Text, row))
    Console().print(shown)
    return True
