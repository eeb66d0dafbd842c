"""Files of others: what is no file, or is larger than its kind ever is, is refused before it is read."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from compsel.errors import UnreadableFileError
from compsel.storage.sizes import most_unpacked_bytes, size_words

__all__ = ["file_size", "open_descriptor", "open_regular", "read_regular"]

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
_WITHOUT_LINKS = ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_NOFOLLOW")
_BLOCK_BYTES = 512  # of `st_blocks`
_MOST_PARTS = 10_000  # of a file with holes that are looked at


def open_regular(path: str | os.PathLike[str], most_bytes: int) -> BinaryIO:
    """Open a file, or what a link leads to, for reading; nothing else is opened, nor waited for.

    Args:
        path: of the file.
        most_bytes: that it may have.

    Raises:
        UnreadableFileError: a FIFO, a device, a folder; more bytes than that; a file of holes, which take no room.
        OSError: no such file, no permission.

    >>> open_regular("/dev/zero", 100)
    Traceback (most recent call last):
    compsel.errors.UnreadableFileError: /dev/zero: is a device, allowed is a file: write its content into one
    """
    return os.fdopen(open_descriptor(path, most_bytes), "rb")


def open_descriptor(
    path: str | os.PathLike[str], most_bytes: int | None = None, *, follow_links: bool = True, advice: str = ""
) -> int:
    """Open a file for reading, as `open_regular` does; return its descriptor.

    Args:
        path: of the file.
        most_bytes: that it may have; None: whatever it has.
        follow_links: open what a link leads to; else links are refused.
        advice: says what to do where it is refused; "": as fits the reason.

    Raises:
        UnreadableFileError, OSError: see `open_regular`.
    """
    # a FIFO that takes its place after the look at its kind is not waited for
    names = ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY") if follow_links else _WITHOUT_LINKS
    flags = sum(getattr(os, name, 0) for name in names) | os.O_RDONLY
    try:
        _refuse_other_kinds(path, Path(path).stat(follow_symlinks=follow_links), advice)
        descriptor = os.open(path, flags)
    except ValueError as error:  # a zero character
        raise UnreadableFileError(errno.EINVAL, f"is no name of a file ({error})", os.fspath(path)) from error
    try:
        _check(path, descriptor, most_bytes, advice)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_regular(path: str | os.PathLike[str], most_bytes: int) -> bytes:
    """Return the content of a file; see `open_regular`."""
    with open_regular(path, most_bytes) as stream:
        size = os.fstat(stream.fileno()).st_size
        # files of the kernel say that they are empty
        return stream.read(size or min(most_bytes, 1 << 20))


def file_size(stream: BinaryIO) -> int:
    """Return the size in bytes of an open file, or of bytes in memory; the position stays."""
    position = stream.tell()
    size = stream.seek(0, os.SEEK_END)
    stream.seek(position)
    return size


def _refuse_other_kinds(path: str | os.PathLike[str], found: os.stat_result, advice: str) -> None:
    if stat.S_ISREG(found.st_mode):
        return
    kind = next((words for is_kind, words in _KINDS if is_kind(found.st_mode)), "something else")
    code = errno.EISDIR if stat.S_ISDIR(found.st_mode) else errno.EINVAL
    advice = advice or ("give the file" if stat.S_ISDIR(found.st_mode) else "write its content into one")
    raise UnreadableFileError(code, f"is {kind}, allowed is a file: {advice}", os.fspath(path))


def _check(path: str | os.PathLike[str], descriptor: int, most_bytes: int | None, advice: str) -> None:
    found = os.fstat(descriptor)
    _refuse_other_kinds(path, found, advice)
    size = found.st_size
    if most_bytes is not None and size > most_bytes:
        got, allowed = size_words(size / 1e6), size_words(most_bytes / 1e6)
        raise UnreadableFileError(errno.EFBIG, f"has {got}, allowed are {allowed} for what it is read as", str(path))
    on_disk = getattr(found, "st_blocks", size) * _BLOCK_BYTES
    if size > most_unpacked_bytes(on_disk) and size > most_unpacked_bytes(_data_bytes(descriptor, size)):
        reason = f"has {size_words(size / 1e6)}, of which next to none are there: {advice or 'get the file again'}"
        raise UnreadableFileError(errno.EFBIG, reason, str(path))


def _data_bytes(descriptor: int, size: int) -> int:
    """Return how many bytes of a file are no holes; where the file system cannot tell, all are."""
    if not hasattr(os, "SEEK_DATA"):
        return size
    found, position = 0, 0
    try:
        for _ in range(_MOST_PARTS):
            begin = os.lseek(descriptor, position, os.SEEK_DATA)
            position = os.lseek(descriptor, begin, os.SEEK_HOLE)
            found += position - begin
    except OSError as error:
        if error.errno != errno.ENXIO:  # there is no more data
            found = size
    os.lseek(descriptor, 0, os.SEEK_SET)
    return found
