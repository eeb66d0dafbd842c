"""Uploads that are not taken in: kept as they came, under a name of ours, with the reason beside them."""

import hashlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import compsel
from compsel.fleet.layout import FleetFolder
from compsel.storage.files import copy_file, write_json

__all__ = ["REASON_SUFFIX", "put_aside", "put_aside_reasons", "taken_back"]

REASON_SUFFIX = ".reason.json"
_LONGEST = 60


def put_aside(fleet: FleetFolder, upload: str, content: Path | None, reason: dict[str, Any]) -> str:
    """Keep an upload aside; what a stranger called it is never more than a part of a name.

    Args:
        fleet: whose.
        upload: its path below the folder of uploads.
        content: the file; None: it is not kept, such as a FIFO or one that is too large.
        reason: sha256, kind and words.

    Returns:
        The name that it has there.

    Raises:
        StorageError: it cannot be written.
    """
    words = re.sub(r"[^A-Za-z0-9.-]+", "_", upload).strip("._")[-_LONGEST:] or "upload"
    # of what could not be read there is no hash but that of its name
    digest = reason["sha256"] or f"unread-{hashlib.sha256(upload.encode(errors='surrogateescape')).hexdigest()}"
    name = f"{digest[:16]}-{words}"
    if content is not None:
        copy_file(content, fleet.put_aside / name, beside=fleet.incoming)
    said = {"file": upload, **reason, "compsel": compsel.__version__, "time": datetime.now(UTC).isoformat()}
    write_json(fleet.put_aside / f"{name}{REASON_SUFFIX}", said, beside=fleet.incoming)
    return name


def put_aside_reasons(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the reasons, by the name of what is put aside."""
    if not folder.is_dir():
        return {}
    paths = sorted(folder.glob(f"*{REASON_SUFFIX}"))
    return {path.name.removesuffix(REASON_SUFFIX): json.loads(path.read_text(encoding="utf-8")) for path in paths}


def taken_back(folder: Path, name: str) -> None:
    """Forget what was put aside and has been taken in since."""
    (folder / name).unlink(missing_ok=True)
    (folder / f"{name}{REASON_SUFFIX}").unlink(missing_ok=True)
