"""What a fleet notes of itself as JSON: larger than any document of others may be."""

from pathlib import Path
from typing import Any

from compsel.storage.regular_files import read_regular
from compsel.storage.strict_json import parse_json

__all__ = ["read_notes"]

_MOST_BYTES, _MOST_VALUES = 2_000_000_000, 100_000_000


def read_notes(path: Path) -> dict[str, Any]:
    """Return what was noted; nothing where it is damaged or not there: all of it can be found out again."""
    try:
        content = parse_json(read_regular(path, _MOST_BYTES), _MOST_VALUES)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
