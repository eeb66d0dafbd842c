"""Reads records of format 1: JSON lines, a header and then a line a stage. They are no longer written."""

import json
from pathlib import Path
from typing import Any

from compsel.errors import ProfileError, VersionError
from compsel.progress.logger import log_event
from compsel.runtime.recording.part_reader import check_file

__all__ = ["read_json_lines"]

_FORMAT_VERSION = 1
_MOST_BYTES = 110_000_000  # they ended at 100 MB


def read_json_lines(path: Path) -> tuple[str, list[dict[str, Any]]]:
    """Read the name of the processor, and the rows, of a file; a last line that was cut off is left out.

    Raises:
        ProfileError: no such file, or a damaged one.
        VersionError: written by a newer compsel.
    """
    check_file(path, _MOST_BYTES)
    rows: list[dict[str, Any]] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        header = json.loads(lines[0])
        version = header["format_version"]
        if version > _FORMAT_VERSION:
            raise VersionError(f"{path}: has format {version}, this compsel reads {_FORMAT_VERSION}: update compsel")
        for number, line in enumerate(lines[1:], start=2):
            try:
                rows.append(dict(json.loads(line)))
            except ValueError:
                if number < len(lines):
                    raise
                text = "%s: the last line is cut off, and left out"
                log_event("INFO", "records_cut_off", text, path, fields={"path": str(path)})
        return str(header["device"].get("cpu", "")), rows
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ProfileError(f"{path}: is no file of records ({error!r}): take it out of the folder") from error
