"""Zip archives of others: how many entries they have, and what they unpack to, is known before anything is unpacked."""

import os
import zipfile
from typing import BinaryIO

from compsel.storage.regular_files import file_size
from compsel.storage.sizes import most_unpacked_bytes, size_words

__all__ = ["open_archive"]

_DIRECTORY_BYTES = 4_000_000  # names and sizes of 40,000 entries
# others are unpacked whole, whatever size the archive names
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def open_archive(stream: BinaryIO, most_bytes: int | None = None) -> zipfile.ZipFile:
    """Open an archive; reading an entry ends at the size that is checked here.

    Args:
        stream: its bytes.
        most_bytes: that it may unpack to; None: in relation to its size, see `most_unpacked_bytes`.

    Raises:
        ValueError: more entries or more bytes than are allowed, another compression than NumPy's and torch's.
        zipfile.BadZipFile, OSError, NotImplementedError: no archive, or a damaged one.

    >>> import io
    >>> stream = io.BytesIO()
    >>> with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
    ...     archive.writestr("zeros", bytes(100_000_000))
    >>> open_archive(stream)
    Traceback (most recent call last):
    ValueError: 97 kB unpack to 100 MB, allowed are 68.9 MB
    """
    guarded = _GuardedStream(stream)
    archive = zipfile.ZipFile(guarded)
    guarded.opening = False
    size = file_size(stream)
    most = most_unpacked_bytes(size) if most_bytes is None else most_bytes
    unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > most:
        got, allowed = size_words(unpacked / 1e6), size_words(most / 1e6)
        raise ValueError(f"{size_words(size / 1e6)} unpack to {got}, allowed are {allowed}")
    for entry in archive.infolist():
        if entry.compress_type not in _COMPRESSIONS:
            name = entry.filename
            raise ValueError(f"{name!r} is compressed as numpy.savez and numpy.savez_compressed never do, nor torch")
    return archive


class _GuardedStream:
    """A stream for `zipfile`, which while it opens an archive reads its directory at once, whatever size that has."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.opening = True

    def read(self, size: int = -1) -> bytes:
        if self.opening and size > _DIRECTORY_BYTES:
            raise ValueError(f"has a directory of {size_words(size / 1e6)}: too many entries")
        return self._stream.read(size)

    def seek(self, position: int, whence: int = os.SEEK_SET) -> int:
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._stream.close()
