"""What every command shares: its registration, progress on standard error, and `--json FILE`."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from compsel.storage.files import storage_errors, without_nan, write_json

__all__ = ["Command", "add_json", "progress", "table", "write_result"]

T = TypeVar("T")


@dataclass(frozen=True)
class Command:
    """One command of the command line: each module of `compsel.cli` defines one as `COMMAND`.

    Attributes:
        name: the word after `compsel`.
        help: one line.
        example: what `--help` shows at the end.
        arguments: adds the arguments to the parser.
        run: does the work; raises CompselError on bad input; returns the exit status.
    """

    name: str
    help: str
    example: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json FILE`."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result to FILE as JSON")


def write_result(path: Path | None, content: Any) -> None:
    """Write `content` to the `--json` file when one was asked for; figures that do not exist (NaN) become null."""
    if path is None:
        return
    if path.exists() and not path.is_file() and not path.is_dir():
        # a device or a pipe is written to, never replaced by a file
        with storage_errors(path), path.open("w", encoding="utf-8") as stream:
            stream.write(json.dumps(without_nan(content), indent=2, allow_nan=False) + "\n")
    else:
        write_json(path, without_nan(content))


def table(rows: Iterable[Iterable[object]], header: Iterable[str]) -> str:
    """Lay out rows as text: columns aligned, numbers to the right."""
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    numeric = [
        all(
            line[column].replace(".", "").replace("%", "").strip("+-x ").isdigit() for line in lines[1:] if line[column]
        )
        for column in range(len(widths))
    ]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    )


def progress(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Pass items through and show how far it is, on standard error; one line at the end where that is no terminal."""
    total = total if total is not None else len(items) if isinstance(items, Sized) else None
    terminal = sys.stderr.isatty()
    started = shown = time.perf_counter()
    done = 0
    for done, item in enumerate(items, start=1):
        yield item
        now = time.perf_counter()
        if terminal and now - shown > 0.2:
            shown = now
            share = f"{done}/{total}" if total else str(done)
            rest = f", {(now - started) / done * (total - done):.0f} s left" if total else ""
            print(f"\r\x1b[K{label}: {share}{rest}", end="", file=sys.stderr, flush=True)
    clear = "\r\x1b[K" if terminal else ""
    print(f"{clear}{label}: {done} in {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
