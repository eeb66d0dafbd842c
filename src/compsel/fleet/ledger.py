"""Which uploads were looked at, by name, size and time: what is known is not read again."""

import hashlib
import json
import os
from pathlib import Path

from compsel.fleet.layout import FleetFolder
from compsel.fleet.uploads import Upload
from compsel.storage.files import storage_errors
from compsel.storage.syncing import sync_folder

__all__ = ["Ledger"]

_MOST_BYTES = 1_000_000  # of a file; one that changes is put anew as a whole where the fleet lies elsewhere
_DIGEST_BYTES = 16


class Ledger:
    """What a fleet knows of one folder of uploads: a line an upload, in files that are only ever appended to.

    A line is noted after what it is of is on the disk. One that a kill or a power cut left half written stands for
    nothing: its upload is read once more, and known by its content.

    Args:
        fleet: whose.
        location: of the uploads.

    >>> import tempfile
    >>> ledger = Ledger(FleetFolder(Path(tempfile.mkdtemp())), Path("uploads"))
    >>> upload = Upload(Path("uploads/a.parquet"), "a.parquet", 10, 0)
    >>> ledger.add(upload); ledger.knows(upload)
    True
    """

    def __init__(self, fleet: FleetFolder, location: Path) -> None:
        place = str(location.absolute())
        self._folder = fleet.root / "ledgers" / hashlib.sha256(os.fsencode(place)).hexdigest()[:16]
        self._header = _line({"location": place})
        self._files = sorted(self._folder.glob("*.jsonl"))
        # of lines, rather than lines: a third of the memory
        self._known: set[bytes] = set()
        self._added: list[bytes] = []
        for path in self._files:
            with path.open("rb") as stream:
                self._known.update(_digest(line) for line in stream)

    def knows(self, upload: Upload) -> bool:
        """Whether an upload was looked at as it is now."""
        return _digest(_line_of(upload)) in self._known

    def add(self, upload: Upload) -> None:
        """Note an upload."""
        line = _line_of(upload)
        self._known.add(_digest(line))
        self._added.append(line)

    def save(self) -> None:
        """Write what was noted since the last time.

        Raises:
            StorageError: a full disk, no permission.
        """
        if not self._added:
            return
        with storage_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            if not self._files or self._files[-1].stat().st_size >= _MOST_BYTES:
                self._files.append(self._folder / f"{len(self._files) + 1:08d}.jsonl")
            with self._files[-1].open("ab") as stream:
                # what follows a line that is half there begins a line of its own
                begin = b"\n" if stream.tell() else self._header
                stream.write(begin + b"".join(self._added))
                stream.flush()
                os.fsync(stream.fileno())
            sync_folder(self._folder)
        self._added.clear()


def _line_of(upload: Upload) -> bytes:
    return _line([upload.name, upload.size_bytes, upload.mtime_ns])


def _line(content: object) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _digest(line: bytes) -> bytes:
    return hashlib.blake2b(line, digest_size=_DIGEST_BYTES).digest()
