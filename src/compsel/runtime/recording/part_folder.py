"""A folder of parts: what they are called, how much they take together, and which of them goes."""

import os
from dataclasses import dataclass
from pathlib import Path

from compsel.runtime.recording.part_format import PART_NAME
from compsel.storage.files import check_writable
from compsel.storage.leftovers import remove_leftovers

__all__ = ["PartFolder"]

_MB = 1e6
_MOST_PARTS = 4096  # a process that lives for a second leaves a part, too
_PARTS = 16  # at least so many fill the folder: when the oldest goes, most is left
_LARGEST_PART = 4_000_000  # bytes


@dataclass(frozen=True)
class _Part:
    number: int
    name: str
    size: int


class PartFolder:
    """The parts of all who record into a folder.

    Args:
        path: of the folder; it is made where it is not there.
        limit_mb: what the parts may take together.
        drops_oldest: whether the oldest part goes where there is no room.

    Attributes:
        part_bytes: about so large a part becomes.
        beside: what temporary files are called after, see `compsel.storage.files.atomic_file`.

    >>> import tempfile
    >>> folder = PartFolder(Path(tempfile.mkdtemp()), 10.0, True)
    >>> folder.next_number(), folder.make_room("")
    (1, True)
    """

    def __init__(self, path: Path, limit_mb: float, drops_oldest: bool) -> None:
        self.path, self._limit, self._drops_oldest = path, limit_mb * _MB, drops_oldest
        self.part_bytes = min(_LARGEST_PART, int(self._limit / _PARTS))
        self.beside = path / "records"

    def prepare(self) -> None:
        """Make the folder, and remove what killed writers left there.

        Raises:
            StorageError: it cannot be written.
        """
        check_writable(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.beside)

    def next_number(self) -> int:
        """Return a number above those of all parts."""
        return max((part.number for part in self._parts()), default=0) + 1

    def make_room(self, mine: str) -> bool:
        """Make room for a part; tell whether there is some.

        Args:
            mine: name of the part that is being written; "" for a new one.
        """
        others = sorted((part for part in self._parts() if part.name != mine), key=lambda part: part.number)
        taken, count = sum(part.size for part in others), len(others)
        for oldest in others:
            if taken + self.part_bytes <= self._limit and count < _MOST_PARTS:
                return True
            if not self._drops_oldest:
                return False
            (self.path / oldest.name).unlink(missing_ok=True)
            taken, count = taken - oldest.size, count - 1
        return True

    def _parts(self) -> list[_Part]:
        found = []
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    named = PART_NAME.fullmatch(entry.name)
                    if named is not None and entry.is_file(follow_symlinks=False):
                        found.append(_Part(int(named[1]), entry.name, entry.stat(follow_symlinks=False).st_size))
        except FileNotFoundError:  # the folder, or a part that somebody else removed just now
            return found
        return found
