"""What runtimes recorded, as pandas sees it."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.errors import ProfileError, VersionError, require
from compsel.progress.logger import LOGGER
from compsel.runtime.recorder import FORMAT_VERSION

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["records"]

_IDLE = 0.5  # cores that others keep busy, on average


def records(folder: str | os.PathLike[str]) -> "pd.DataFrame":
    """Return what `compsel.load(..., record=FOLDER)` wrote: a row a stage; `compsel.train` takes it as costs.

    Columns: time (UTC), answer (its number in the run), stage (0, 1, ...), variant, processor, latency_ms, expected_ms,
    probability_right (of the answer after this stage), size (of the input, where costs depend on it), the numbers of
    the device's state such as load_others (cores that other processes kept busy), state ("idle", "busy:1", ... by that
    number), device (its processor), run (the file).

    Raises:
        ProfileError: no records there, or damaged ones.
        VersionError: written by a newer compsel.
        MissingDependencyError: pandas is not installed.
    """
    pandas = require("pandas", "train")
    paths = sorted(Path(folder).glob("*.jsonl"))
    if not paths:
        raise ProfileError(f"{folder}: has no records: give the folder of compsel.load(..., record=FOLDER)")
    rows = [row for path in paths for row in _read(path)]
    if not rows:
        raise ProfileError(f"{folder}: nothing was answered while it was recorded: run the app first")
    frame = pandas.DataFrame(rows)
    frame["time"] = pandas.to_datetime(frame["time"], utc=True)
    load = frame["load_others"] if "load_others" in frame else [0.0] * len(frame)
    frame["state"] = ["idle" if not value >= _IDLE else f"busy:{max(1, round(value))}" for value in load]
    return frame


def _read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file; a last line that was cut off, as the app was, is left out."""
    rows: list[dict[str, Any]] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    try:
        header = json.loads(lines[0])
        version = header["format_version"]
        if version > FORMAT_VERSION:
            raise VersionError(
                f"{path}: has format {version}, this compsel reads up to {FORMAT_VERSION}: update compsel"
            )
        alike = {"device": header["device"].get("cpu", ""), "run": path.stem}
        for number, line in enumerate(lines[1:], start=2):
            try:
                rows.append({**json.loads(line), **alike})
            except ValueError:
                if number < len(lines):
                    raise
                LOGGER.info("%s: the last line is cut off, and left out", path)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ProfileError(f"{path}: is no file of records ({error!r}): take it out of the folder") from error
    return rows
