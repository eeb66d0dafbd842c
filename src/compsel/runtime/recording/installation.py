"""A number that tells installations apart whose devices are alike: drawn at random, it says nothing of who they are."""

import os
import re
from pathlib import Path

from compsel.storage.files import atomic_file
from compsel.storage.regular_files import read_regular

__all__ = ["installation_of"]

_NAME = ".installation"  # beside the parts; where it is removed, the next session is another installation
_DIGITS = 16


def installation_of(folder: Path) -> str:
    """Return the 16 hexadecimal digits of a folder of records; they are drawn where there are none yet.

    Raises:
        StorageError: the folder cannot be written.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> installation_of(folder) == installation_of(folder)
    True
    """
    path = folder / _NAME
    if not (known := _read(path)):
        with atomic_file(path) as temporary:
            temporary.write_text(os.urandom(_DIGITS // 2).hex())
        # of two that begin at once, the last one to write is right for both
        known = _read(path)
    return known


def _read(path: Path) -> str:
    try:
        text = read_regular(path, _DIGITS).decode(errors="replace")
    except (OSError, ValueError):
        return ""
    return text if re.fullmatch(f"[0-9a-f]{{{_DIGITS}}}", text) else ""
