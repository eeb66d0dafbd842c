"""Files of the kernel in `/proc` and `/sys`: small, read again and again, and often not there."""

import os
from pathlib import Path

__all__ = ["PseudoFile", "paths_like", "read_number", "read_text"]

_FILE_BYTES = 1 << 16


def paths_like(root: Path, pattern: str) -> list[Path]:
    """Return the paths below `root` that a pattern matches, sorted; "*" stands for any letters in a name.

    `Path.glob` compiles a regular expression for each part, which takes longer than looking.

    >>> paths_like(Path("/no/such/folder"), "class/*/temp")
    []
    """
    found = [root]
    for part in pattern.split("/"):
        if "*" in part:
            found = [above / name for above in found for name in _names(above) if _is_like(name, part.split("*"))]
        else:
            found = [above / part for above in found]
    return sorted(path for path in found if path.exists())


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _is_like(name: str, pieces: list[str]) -> bool:
    first, *middle, last = pieces
    if not name.startswith(first) or not name.endswith(last) or len(name) < len(first) + len(last):
        return False
    return all(piece in name[len(first) : len(name) - len(last)] for piece in middle)


def read_number(path: Path) -> int | None:
    """Return the number in a file; None where there is no such file, or a word ("max") in it."""
    try:
        return int(path.read_bytes().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def read_text(path: Path) -> str:
    """Return the text in a file, without white space around it; empty where there is no such file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


class PseudoFile:
    """A file that is kept open: reading it again costs one system call.

    Args:
        paths: the first that can be opened is taken.

    >>> PseudoFile(Path("/no/such/file")).read()
    b''
    """

    def __init__(self, *paths: Path) -> None:
        self._descriptor = -1
        for path in paths:
            try:
                self._descriptor = os.open(path, os.O_RDONLY)
                break
            except OSError:
                continue

    def __bool__(self) -> bool:
        return self._descriptor >= 0

    def read(self) -> bytes:
        """Return its content now; empty where it is not there, or can no longer be read."""
        if self._descriptor < 0:
            return b""
        try:
            return os.pread(self._descriptor, _FILE_BYTES, 0)
        except OSError:
            return b""

    def close(self) -> None:
        """Close it; reading then gives nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
