"""Hold a mirror: nobody else changes it meanwhile, nor removes it while this process runs."""

import atexit
import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from compsel.errors import StorageError
from compsel.progress import Reporter
from compsel.progress.interactive import reporter_or_default
from compsel.storage.files import check_writable
from compsel.storage.locations.address import location_errors
from compsel.storage.locations.eviction import lock_of, use_of
from compsel.storage.locations.locks import FileLock, wait_for
from compsel.storage.locations.mirror import Mirror

__all__ = ["alone_in"]

# what keeps others from removing mirrors, until this process ends
_used: dict[Path, FileLock] = {}


@contextlib.contextmanager
def alone_in(mirror: Mirror, doing: str, reporter: Reporter | None) -> Iterator[None]:
    """Keep other processes, and threads, from changing a mirror during a block, and from removing it ever after.

    Args:
        mirror: that is used.
        doing: what is done with it, such as "write".
        reporter: hears it where another one is waited for; None: who looks.

    Raises:
        LocationError: another one had it for too long.
        StorageError: where it lies here cannot be written.
    """
    said = reporter_or_default(reporter)
    _check_cache(mirror.folder.parent)
    with location_errors(mirror.address, doing):
        if mirror.folder not in _used:
            use = FileLock(use_of(mirror.folder), shared=True)
            wait_for(use, doing, mirror.address, said)
            _used[mirror.folder] = use
            if mirror.address.startswith("memory:"):  # it ends with this process
                atexit.register(_removed, mirror.folder, os.getpid())
        else:
            os.utime(use_of(mirror.folder))
        lock = FileLock(lock_of(mirror.folder))
        wait_for(lock, doing, mirror.address, said)
    try:
        yield
    finally:
        lock.release()


def _check_cache(cache: Path) -> None:
    try:
        check_writable(cache)
    except StorageError as error:
        advice = "XDG_CACHE_HOME says where files of addresses are kept here"
        raise StorageError(error.errno, f"{error.strerror}; {advice}") from error


def _removed(folder: Path, process: int) -> None:
    if process == os.getpid():
        shutil.rmtree(folder, ignore_errors=True)
        for path in folder.parent.glob(f"{folder.name}.*"):
            with contextlib.suppress(OSError):
                path.unlink()
