"""Locks between processes of this machine: on a file, let go of by the system when their process ends, however it ends.

The library `filelock` has no shared locks that end with their process; what Python has is enough.
"""

import errno
import os
import re
import secrets
import sys
import time
from datetime import datetime
from pathlib import Path

from compsel.errors import LocationError
from compsel.progress import Reporter
from compsel.storage.locations.settings import WAIT, waits_s

__all__ = ["FileLock", "wait_for"]

_PAUSE_S, _WORTH_TELLING_S = 0.1, 0.5
_HOLDER = re.compile(r"(\d{1,10}) (\d\d:\d\d:\d\d)\n")
_HELD = frozenset((errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK))
# Windows keeps locked bytes from being read: they lie behind what says who holds them
_BYTES, _FIRST = 1 << 20, 1 << 24


class FileLock:
    """A lock on a file, which stays where it is: to remove it would let two processes hold it.

    Args:
        path: of the file; it is made where there is none.
        shared: any number may hold it, and nobody one that is not shared.

    Attributes:
        works: whether the file system has locks; without them everybody gets them.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.lock"
    >>> first, second = FileLock(path), FileLock(path)
    >>> first.take(), second.take()
    (True, False)
    >>> first.release()
    >>> second.take()
    True
    >>> second.release()
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._path = path
        self._shared = shared
        self._descriptor: int | None = None
        self._place = _FIRST
        self.works = True

    def take(self) -> bool:
        """Take it if nobody holds it; return whether it was taken.

        Raises:
            OSError: the file cannot be made.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            self._lock(descriptor)
        except OSError as error:
            if error.errno in _HELD:
                os.close(descriptor)
                return False
            self.works = False
        self._descriptor = descriptor
        os.utime(self._path)  # when it was used last
        if not self._shared:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()} {datetime.now():%H:%M:%S}\n".encode())
        return True

    def release(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            if self.works:
                self._unlock(self._descriptor)  # processes that were forked meanwhile have it open as well
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> str:
        """Return who holds it, in words, as far as it is known."""
        try:
            with self._path.open("rb") as stream:
                found = _HOLDER.fullmatch(stream.read(40).decode("ascii", "replace"))
        except OSError:
            found = None
        if found is None:
            return "another process"
        return f"{'this process' if int(found[1]) == os.getpid() else f'process {found[1]}'} (since {found[2]})"

    if sys.platform == "win32":

        def _lock(self, descriptor: int) -> None:
            import msvcrt

            self._place = _FIRST + (secrets.randbelow(_BYTES) if self._shared else 0)
            os.lseek(descriptor, self._place, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1 if self._shared else _BYTES)
            os.lseek(descriptor, 0, os.SEEK_SET)

        def _unlock(self, descriptor: int) -> None:
            import msvcrt

            os.lseek(descriptor, self._place, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1 if self._shared else _BYTES)

    else:

        def _lock(self, descriptor: int) -> None:
            import fcntl

            fcntl.flock(descriptor, (fcntl.LOCK_SH if self._shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)

        def _unlock(self, descriptor: int) -> None:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_UN)


def wait_for(lock: FileLock, doing: str, address: str, reporter: Reporter) -> None:
    """Take a lock; while another one holds it, say so and wait.

    Args:
        lock: to take.
        doing: what the others do who hold it, such as "write".
        address: it is about.
        reporter: hears what is waited for.

    Raises:
        LocationError: it was held for too long.
    """
    begin, most_s, told = time.monotonic(), waits_s(), False
    while not lock.take():
        waited_s = time.monotonic() - begin
        if waited_s >= most_s:
            raise LocationError(
                f"cannot {doing} {address}: {lock.holder()} does so, and was waited for {most_s:g} s: let it end, "
                f"choose another address, or set {WAIT} to more seconds"
            )
        if waited_s >= min(_WORTH_TELLING_S, most_s / 2) and not told:
            told = True
            reporter.say(f"{address}: waiting for {lock.holder()} to {doing} it, for {most_s:g} s at most")
        time.sleep(_PAUSE_S)
