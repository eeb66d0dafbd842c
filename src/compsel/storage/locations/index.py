"""What is known of the files of a mirror: the version of each there, and whether the copy here is still like it."""

import os
from dataclasses import dataclass
from pathlib import Path

from compsel.storage.files import write_json
from compsel.storage.strict_json import read_json

__all__ = ["ON_ITS_WAY", "Copy", "files_in", "is_as_noted", "read_index", "write_index"]

#: the version of what is being put: nobody else writes there meanwhile
ON_ITS_WAY = ""
_TEMPORARY = (".tmp", ".old")


@dataclass(frozen=True)
class Copy:
    """What is known of a file.

    Args:
        version: there; `ON_ITS_WAY` while it is put.
        size: of the copy here in bytes, when it was fetched or put.
        mtime_ns: time of the copy here.

    >>> Copy("v1", 12, 0).size
    12
    """

    version: str
    size: int
    mtime_ns: int


def files_in(folder: Path) -> dict[str, Path]:
    """Return the files of a mirror, by path below it; temporary ones are none."""
    found: dict[str, Path] = {}
    for above, _, names in os.walk(folder):
        for name in names:
            path = Path(above, name)
            relative = path.relative_to(folder)
            if not any(part.endswith(_TEMPORARY) for part in relative.parts):
                found[relative.as_posix()] = path
    return found


def is_as_noted(path: Path, copy: Copy | None) -> bool:
    """Whether a file here is as it was fetched or put."""
    if copy is None or not path.is_file():
        return False
    seen = path.stat()
    return (copy.size, copy.mtime_ns) == (seen.st_size, seen.st_mtime_ns)


def read_index(path: Path) -> dict[str, Copy]:
    """Return what was noted, by path below the folder; nothing where it cannot be read."""
    try:
        content = read_json(path)
        return {name: Copy(*values) for name, values in content["files"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def write_index(path: Path, address: str, copies: dict[str, Copy]) -> None:
    """Note what is known of the files of an address."""
    noted = {name: [copy.version, copy.size, copy.mtime_ns] for name, copy in copies.items()}
    write_json(path, {"address": address, "files": noted})
