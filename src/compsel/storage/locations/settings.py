"""Where mirrors lie, how much they may take, and how long one process waits for another: by the environment."""

import math
import os
from pathlib import Path

from compsel.errors import UsageError

__all__ = ["SIZE", "WAIT", "cache_folder", "most_bytes", "waits_s"]

#: names of the variables: of billions of bytes, and of seconds
SIZE, WAIT = "COMPSEL_LOCATIONS_GB", "COMPSEL_LOCATIONS_WAIT_S"
_USUAL_GB, _USUAL_WAIT_S = 20.0, 300.0


def cache_folder() -> Path:
    """Return where mirrors lie: `$XDG_CACHE_HOME/compsel/locations`, or what the system has instead."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(cache) if cache else Path.home() / ".cache") / "compsel" / "locations"


def most_bytes() -> float:
    """Return above what size mirrors that nobody uses are removed: `$COMPSEL_LOCATIONS_GB`, else 20 GB.

    Raises:
        UsageError: no such size.
    """
    return 1e9 * _number(SIZE, _USUAL_GB, "billions of bytes")


def waits_s() -> float:
    """Return how many seconds one process waits for another: `$COMPSEL_LOCATIONS_WAIT_S`, else 300.

    Raises:
        UsageError: no such time.
    """
    return _number(WAIT, _USUAL_WAIT_S, "seconds")


def _number(name: str, usual: float, unit: str) -> float:
    text = os.environ.get(name, "").strip()
    try:
        number = float(text) if text else usual
    except ValueError:
        number = math.nan
    if not number >= 0:
        raise UsageError(f"{name}: got {text!r}, allowed is a number of {unit} from 0, such as {usual:g}")
    return number
