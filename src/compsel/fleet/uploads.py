"""What lies in a folder of uploads: files alone, none of them believed in."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Upload", "uploads_in"]

_DEEPEST = 8
_SUFFIXES = (".parquet", ".jsonl")


@dataclass(frozen=True)
class Upload:
    """A file that a device sent.

    Attributes:
        path: where it lies.
        name: its path below the folder of uploads.
        size_bytes: of the file.
        mtime_ns: when it was written.
        refused: why it is not even opened; "" where it may be.
        unread: why it, or what lies in it, could not be seen; "" where it could.

    >>> Upload(Path("in/phone/1.parquet"), "phone/1.parquet", 10, 0).sender
    'phone'
    """

    path: Path
    name: str
    size_bytes: int
    mtime_ns: int
    refused: str = ""
    unread: str = ""

    @property
    def sender(self) -> str:
        """The uppermost folder: whose upload it is."""
        return self.name.partition("/")[0] if "/" in self.name else ""


def uploads_in(folder: Path, prefix: str = "") -> Iterator[Upload]:
    """Give the files below a folder that could be records, sorted by name.

    Links are not followed; hidden files, and what others put there, are passed over.

    Raises:
        OSError: the folder itself cannot be read.
    """
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name = f"{prefix}{entry.name}"
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if name.count("/") < _DEEPEST:
                yield from _readable(Path(entry.path), f"{name}/")
            continue
        if not entry.name.endswith(_SUFFIXES):
            continue
        seen = entry.stat(follow_symlinks=False)
        refused = "" if stat.S_ISREG(seen.st_mode) else "is a link, a FIFO or a device, allowed are files"
        yield Upload(Path(entry.path), name, seen.st_size, seen.st_mtime_ns, refused)


def _readable(folder: Path, prefix: str) -> Iterator[Upload]:
    try:
        yield from uploads_in(folder, prefix)
    except OSError as error:
        yield Upload(folder, prefix.rstrip("/"), 0, 0, unread=f"cannot be read ({error.strerror})")
