"""Put on the disk what was written: a rename that outlives a power cut must not name a file whose bytes did not."""

import contextlib
import errno
import os
from pathlib import Path

__all__ = ["sync_file", "sync_folder", "sync_tree"]

# file systems that know no such thing for folders
_NOT_FOR_FOLDERS = frozenset((errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM))


def sync_file(path: Path) -> None:
    """Wait until the bytes of a file are on the disk.

    Raises:
        OSError: they did not get there: a disk that is full or broken is told late by some file systems.
    """
    # elsewhere only what is open for writing is flushed
    descriptor = os.open(path, (os.O_RDONLY if os.name == "posix" else os.O_RDWR) | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can say so."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # a folder that may be written, not read
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_FOR_FOLDERS:
            raise
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Wait until all that lies in a folder, and below it, is on the disk."""
    for above, _, names in os.walk(folder, topdown=False):
        for name in names:
            if not Path(above, name).is_symlink():
                with contextlib.suppress(FileNotFoundError):
                    sync_file(Path(above, name))
        sync_folder(Path(above))
