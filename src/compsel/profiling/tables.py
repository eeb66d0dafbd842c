"""What all tables of a profile share: the device that they are of, and a check of their columns."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from compsel.device.fingerprint import device_fingerprint
from compsel.errors import ProfileError

__all__ = ["device_text", "require_columns"]


def device_text() -> str:
    """Return this device's fingerprint as a text: costs that carry another one have to be measured again."""
    return json.dumps(device_fingerprint(), sort_keys=True)


def require_columns(path: Path, columns: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise ProfileError where a table lacks a column."""
    missing = [name for name in names if name not in columns]
    if missing:
        raise ProfileError(f"{path}: has no column {missing[0]!r}: measure it again")
