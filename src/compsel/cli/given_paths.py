"""The paths on a command line: `~` is the user's folder, and what cannot be written is told before the work."""

import argparse
import contextlib
from pathlib import Path
from typing import Any

from compsel.cli.base import is_standard_output
from compsel.storage.files import check_writable

__all__ = ["complete_paths"]

# options that name a file or folder to be written
_WRITTEN = ("out", "work", "json")


def complete_paths(arguments: argparse.Namespace) -> None:
    """Put the user's folder in the place of a leading `~`, which no shell does after `=` or in a file of settings.

    Raises:
        StorageError: a place that cannot be written.
    """
    for name, value in vars(arguments).items():
        setattr(arguments, name, _complete(value))
    for name in _WRITTEN:
        path = getattr(arguments, name, None)
        if isinstance(path, Path) and not is_standard_output(path) and not _is_device(path):
            check_writable(path.parent)


def _complete(value: Any) -> Any:
    if isinstance(value, list):
        return [_complete(one) for one in value]
    if isinstance(value, Path) and str(value).startswith("~") and not value.exists():
        with contextlib.suppress(RuntimeError):  # no such user
            return value.expanduser()
    return value


def _is_device(path: Path) -> bool:
    """Whether a path is a device or a pipe, which is written to where no file could be made."""
    return path.exists() and not path.is_file() and not path.is_dir()
