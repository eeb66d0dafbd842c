"""Files of the kernel that are read again and again."""

import os
from pathlib import Path

__all__ = ["KernelFile"]

_FILE_BYTES = 1 << 16


class KernelFile:
    """A file of the kernel that is kept open: reading it again costs one system call.

    Args:
        paths: the first that can be opened is taken.

    >>> KernelFile(Path("/no/such/file")).read()
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
        """Return its content now; empty where it is not there, or not readable any more."""
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
