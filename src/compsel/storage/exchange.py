"""Exchange two folders at once, where the system can: there is no moment without one."""

import ctypes
import os
import sys
from pathlib import Path

__all__ = ["exchange"]

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def exchange(first: Path, second: Path) -> bool:
    """Exchange what lies at two paths of one file system; return whether that was done (Linux, `renameat2`).

    >>> import tempfile
    >>> exchange(Path(tempfile.mkdtemp()) / "a", Path("b"))
    False
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    done: int = rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    return done == 0
