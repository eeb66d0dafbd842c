"""Whether something is there, also under names that no file system can have: those are not there."""

from pathlib import Path

__all__ = ["is_file", "is_folder", "is_there"]


def is_file(path: Path) -> bool:
    """Tell whether a file is there that can be seen; False for names that are too long, or with zero characters.

    >>> is_file(Path(300 * "a")), is_file(Path("zero" + chr(0)))
    (False, False)
    """
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there that can be seen."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_there(path: Path) -> bool:
    """Tell whether anything is there that can be seen."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
