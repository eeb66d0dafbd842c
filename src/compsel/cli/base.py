"""What every command shares: its registration, and `--json FILE`."""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compsel.storage.files import storage_errors, without_nan, write_json

__all__ = ["Command", "add_json", "write_result"]


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
