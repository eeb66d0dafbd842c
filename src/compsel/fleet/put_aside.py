"""Uploads that are not taken in: kept as they came, under a name of ours, with the reason beside them.

Those that a newer compsel wrote are listed, for they are looked at again once compsel was updated; what was put aside
for other reasons is never read again, however much of it there is.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import compsel
from compsel.fleet.layout import FleetFolder
from compsel.fleet.notes import read_notes
from compsel.storage.files import atomic_file, copy_file, storage_errors, write_json

__all__ = ["REASON_SUFFIX", "list_newer", "newer_put_aside", "put_aside", "put_aside_reasons", "taken_back"]

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
    _listed(fleet, {name: compsel.__version__} if reason["kind"] == "version" else {})
    return name


def put_aside_reasons(folder: Path) -> dict[str, dict[str, Any]]:
    """Return all reasons, by the name of what is put aside; {} where one is damaged."""
    if not folder.is_dir():
        return {}
    paths = sorted(folder.glob(f"*{REASON_SUFFIX}"))
    return {path.name.removesuffix(REASON_SUFFIX): read_notes(path) for path in paths}


def newer_put_aside(fleet: FleetFolder) -> dict[str, str]:
    """Return what a newer compsel wrote, by its name: the version that looked at it last.

    Raises:
        StorageError: the list cannot be written, which is made where there is none yet.
    """
    if not fleet.newer.exists() and fleet.put_aside.is_dir():  # of a version that kept no list
        reasons = put_aside_reasons(fleet.put_aside).items()
        list_newer(fleet, {name: str(one.get("compsel")) for name, one in reasons if one.get("kind") == "version"})
    found: dict[str, str] = {}
    for line in fleet.newer.read_bytes().splitlines() if fleet.newer.exists() else ():
        try:
            found.update(json.loads(line))
        except (ValueError, TypeError):  # half written; its upload was not noted as looked at either
            continue
    return found


def list_newer(fleet: FleetFolder, names: Mapping[str, str]) -> None:
    """Write the list of `newer_put_aside` anew.

    Raises:
        StorageError: it cannot be written.
    """
    with atomic_file(fleet.newer, beside=fleet.incoming) as temporary:
        temporary.write_bytes(_lines(names))


def _listed(fleet: FleetFolder, names: Mapping[str, str]) -> None:
    """Add to the list; it is there from the first upload on that is put aside."""
    if fleet.newer.exists() and not names:
        return
    with storage_errors(fleet.newer), fleet.newer.open("ab") as stream:
        # what follows a line that is half there begins a line of its own
        stream.write((b"\n" if stream.tell() else b"") + _lines(names))
        stream.flush()
        os.fsync(stream.fileno())


def _lines(names: Mapping[str, str]) -> bytes:
    return b"".join(json.dumps({name: version}).encode() + b"\n" for name, version in names.items())


def taken_back(fleet: FleetFolder, name: str) -> None:
    """Remove what was put aside and has been taken in since."""
    (fleet.put_aside / name).unlink(missing_ok=True)
    (fleet.put_aside / f"{name}{REASON_SUFFIX}").unlink(missing_ok=True)
