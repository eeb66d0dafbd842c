"""The parts that were taken in, and whether they are as they were the last time, without reading them."""

import hashlib
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from compsel.runtime.recording.part_format import PART_NAME

__all__ = ["StoredPart", "look_of", "stored_parts"]

# clocks of file systems may stand still for so long: what was written just now could change and look the same
_SETTLED_NS = 2_000_000_000


class StoredPart(NamedTuple):
    """How a part looks.

    Attributes:
        size_bytes: of the file.
        changed_ns: when it was written.
        touched_ns: when the system last changed anything of it: what keeps times in copying cannot keep this one.

    >>> StoredPart(10, 0, 0).size_bytes
    10
    """

    size_bytes: int
    changed_ns: int
    touched_ns: int


def stored_parts(folder: Path) -> dict[Path, StoredPart]:
    """Return the parts below a folder; none where there is no such folder."""
    found: dict[Path, StoredPart] = {}
    folders = [folder] if folder.is_dir() else []
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif PART_NAME.fullmatch(entry.name):
                    seen = entry.stat()
                    found[Path(entry.path)] = StoredPart(seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
    return found


def look_of(root: Path, parts: Mapping[Path, StoredPart], paths: Iterable[Path]) -> str:
    """Return a hash of how parts look: the same as long as nobody writes to them, or puts others in their place.

    Args:
        root: that names are relative to.
        parts: of `stored_parts`, from before they are read.
        paths: which of them.

    Returns:
        "" where one of them was written just now: how it looks says nothing yet.
    """
    settled = time.time_ns() - _SETTLED_NS
    digest = hashlib.sha256()
    for path in sorted(paths):
        part = parts[path]
        if max(part.changed_ns, part.touched_ns) > settled:
            return ""
        digest.update(os.fsencode(path.relative_to(root).as_posix()) + f" {tuple(part)}\n".encode())
    return digest.hexdigest()
