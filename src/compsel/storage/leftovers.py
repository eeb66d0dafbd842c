"""What killed processes left behind: temporary files and folders of writers that are no more."""

import contextlib
import os
import platform
import re
import shutil
import zlib
from pathlib import Path

from compsel.storage.file_names import cut

__all__ = ["remove_leftovers", "temporary_prefix"]

_LONGEST = 80


def temporary_prefix(target: Path) -> str:
    """Return how the temporary names of this process for `target` begin."""
    return f".{cut(target.name, _LONGEST)}.{_machine()}-{os.getpid()}."


def remove_leftovers(target: Path) -> None:
    """Remove temporary files and folders for `target` whose process has ended; where `target` is lost, put it back.

    A folder is moved aside before another one takes its place where the system cannot exchange both at once.
    """
    import psutil  # an app writes next to nothing

    pattern = re.compile(rf"\.{re.escape(cut(target.name, _LONGEST))}\.{_machine()}-(\d+)\.\w+\.(tmp|old)")
    try:
        beside = [(path, pattern.fullmatch(path.name)) for path in target.parent.iterdir()]
    except OSError:
        return
    for path, found in beside:
        if found is None or psutil.pid_exists(int(found[1])):
            continue
        with contextlib.suppress(OSError):  # of another user, or another process was quicker
            if found[2] == "old" and not target.exists():
                path.rename(target)
            elif path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()


def _machine() -> str:
    """A word for this machine: another one, or another container, may write beside."""
    return f"{zlib.crc32(platform.node().encode()):08x}"
