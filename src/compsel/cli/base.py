"""What every command shares: its registration, and `--json FILE`."""

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from compsel.storage.files import storage_errors, without_nan, write_json
from compsel.storage.locations.using import in_addresses

__all__ = ["Command", "add_json", "is_standard_output", "output_for_json", "write_result"]

_STANDARD_OUTPUT = Path("-")
# where `--json -` goes; None: to standard output as it is
_json_output: TextIO | None = None


@dataclass(frozen=True)
class Command:
    """One command of the command line: each module of `compsel.cli` defines one as `COMMAND`.

    Attributes:
        name: the word after `compsel`.
        help: one line.
        example: what `--help` shows at the end.
        arguments: adds the arguments to the parser.
        run: does the work; raises CompselError on bad input; returns the exit status.

    >>> Command("nap", "do nothing", "compsel nap", lambda parser: None, lambda arguments: 0).name
    'nap'
    """

    name: str
    help: str
    example: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def add_json(parser: argparse.ArgumentParser, **options: Any) -> None:
    """Add `--json FILE`."""
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="also write the result to FILE as JSON; -: to standard output, where nothing else goes then",
        **options,
    )


@contextlib.contextmanager
def output_for_json(path: Path | None) -> Iterator[None]:
    """Where `path` is "-", keep standard output for the JSON: what else is printed goes to standard error."""
    global _json_output
    if path != _STANDARD_OUTPUT:
        yield
        return
    _json_output = sys.stdout
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _json_output = None


def is_standard_output(path: Path) -> bool:
    """Whether a path of `--json` stands for standard output."""
    return path == _STANDARD_OUTPUT


def _in_addresses(content: Any) -> Any:
    if isinstance(content, dict):
        return {in_addresses(str(key)): _in_addresses(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_in_addresses(value) for value in content]
    return in_addresses(content) if isinstance(content, str) else content


def write_result(path: Path | None, content: Any) -> None:
    """Write `content` to the `--json` file when one was asked for; figures that do not exist (NaN) become null."""
    if path is None:
        return
    content = _in_addresses(without_nan(content))
    text = json.dumps(content, indent=2, allow_nan=False)
    if path == _STANDARD_OUTPUT:
        print(text, file=_json_output or sys.stdout, flush=True)
    elif path.exists() and not path.is_file() and not path.is_dir():
        # a device or a pipe is written to, never replaced by a file
        with storage_errors(path), path.open("w", encoding="utf-8") as stream:
            stream.write(text + "\n")
    else:
        write_json(path, content)
