"""Mirrors that nobody uses make room, the least recently used first; what could not be put is never removed."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from compsel.progress.logger import log_event
from compsel.storage.locations.index import files_in, is_as_noted, read_index
from compsel.storage.locations.locks import FileLock
from compsel.storage.locations.settings import most_bytes
from compsel.storage.sizes import size_words

__all__ = ["READ", "index_of", "lock_of", "make_room", "use_of"]

#: what the name of a mirror ends with that is only read
READ = "-read"
_NAME = re.compile(rf"[0-9a-f]{{24}}(-\d+)?({READ})?")


def index_of(folder: Path) -> Path:
    """Return what notes the files of a mirror; beside it: who works in it may replace it as a whole."""
    return folder.with_name(f"{folder.name}.index.json")


def lock_of(folder: Path) -> Path:
    """Return what who changes a mirror locks."""
    return folder.with_name(f"{folder.name}.lock")


def use_of(folder: Path) -> Path:
    """Return what everybody locks, shared, who uses a mirror; its time is that of the last use."""
    return folder.with_name(f"{folder.name}.use")


@dataclass(frozen=True)
class _Entry:
    folder: Path
    size: int
    used_ns: int


def make_room(cache: Path, needed: int, keep: Path) -> None:
    """Remove mirrors that no process uses until all are below the size that is allowed, or none is left to remove.

    Args:
        cache: where they lie.
        needed: bytes that are about to be added.
        keep: the mirror that they are added to.

    Raises:
        UsageError: the size that is allowed is no number.
    """
    allowed = most_bytes()
    entries = sorted(_entries(cache), key=lambda entry: entry.used_ns)
    free = shutil.disk_usage(cache).free
    excess = max(sum(entry.size for entry in entries) + needed - allowed, needed - free)
    for entry in entries:
        if excess <= 0:
            return
        if entry.folder != keep and entry.size and _removed(entry):
            excess -= entry.size


def _entries(cache: Path) -> Iterator[_Entry]:
    for folder in cache.iterdir():
        if _NAME.fullmatch(folder.name) and folder.is_dir():
            with contextlib.suppress(OSError):  # another process removes it just now
                yield _Entry(folder, _size(folder), _used_ns(folder))


def _size(folder: Path) -> int:
    total = 0
    for above, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(above, name).stat().st_size
    return total


def _used_ns(folder: Path) -> int:
    for path in (use_of(folder), index_of(folder)):
        with contextlib.suppress(FileNotFoundError):
            return path.stat().st_mtime_ns
    return folder.stat().st_mtime_ns


def _removed(entry: _Entry) -> bool:
    """Remove a mirror, unless it is used or holds what has yet to be put; return whether it is gone."""
    seen_ns = _used_ns(entry.folder)
    use = FileLock(use_of(entry.folder))
    try:
        if not use.take():
            return False
    except OSError:
        return False
    try:
        if not use.works or _has_unput(entry.folder):
            os.utime(use_of(entry.folder), ns=(seen_ns, seen_ns))  # this was no use of it
            return False
        shutil.rmtree(entry.folder, ignore_errors=True)
        index_of(entry.folder).unlink(missing_ok=True)
    except OSError:
        return False
    finally:
        use.release()
    got = size_words(entry.size / 1e6)
    fields = {"folder": str(entry.folder), "size_mb": entry.size / 1e6}
    log_event("INFO", "mirror_removed", "%s: removed to make room, %s", entry.folder.name, got, fields=fields)
    return True


def _has_unput(folder: Path) -> bool:
    if folder.name.endswith(READ):
        return False
    copies = read_index(index_of(folder))
    return any(not is_as_noted(path, copies.get(name)) for name, path in files_in(folder).items())
