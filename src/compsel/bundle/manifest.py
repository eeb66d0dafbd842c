"""The manifest of a bundle: every file with its size and SHA-256, checked before anything is opened."""

import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from compsel.errors import BundleError, IntegrityError, VersionError
from compsel.storage.files import sha256_file, write_json
from compsel.storage.paths import is_file

__all__ = ["FORMAT_VERSION", "MANIFEST", "check_bundle", "write_manifest"]

# Raise it when a compsel of the version before would misread a bundle; keep a reader for the older version in
# `compsel.bundle.bundle`, and a test with a bundle of that version. 2: policies that look at the input first, doubt
# it or abstain; costs by coordinates of the device's state.
FORMAT_VERSION = 3
MANIFEST = "manifest.json"
_MAX_MANIFEST_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class _File:
    size_bytes: int
    sha256: str


def write_manifest(folder: str | os.PathLike[str], compsel_version: str, task: str = "") -> None:
    """List every file of the folder in its manifest, with the kind of its answers (`compsel.features.tasks`)."""
    folder = Path(folder)
    files = {
        path.relative_to(folder).as_posix(): {"size_bytes": path.stat().st_size, "sha256": sha256_file(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }
    content = {"format_version": FORMAT_VERSION, "compsel_version": compsel_version}
    write_json(folder / MANIFEST, {**content, **({"task": task} if task else {}), "files": files})


def check_bundle(folder: str | os.PathLike[str]) -> frozenset[str]:
    """Check that the folder holds exactly the files of its manifest, each as it was written; return their names.

    Raises:
        BundleError: no bundle there, or a manifest that cannot be read.
        IntegrityError: a changed, missing or foreign file, a link, or a path that leads out of the folder.
        VersionError: a bundle of a newer format.
    """
    folder = Path(folder)
    files = _read(folder)
    present = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    present.pop(MANIFEST, None)
    for name in sorted(present.keys() - files.keys()):
        raise IntegrityError(f"{folder}: {name} is not in the manifest: remove it, or get the bundle again")
    for name, wanted in files.items():
        path = present.get(name)
        if path is None:
            raise IntegrityError(f"{folder}: {name} is missing: get the bundle again")
        if path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
            raise IntegrityError(f"{folder}: {name} is a link out of the bundle: get the bundle again")
        if path.stat().st_size != wanted.size_bytes or sha256_file(path) != wanted.sha256:
            raise IntegrityError(f"{folder}: {name} was changed after the bundle was written: get the bundle again")
    return frozenset(files)


def _read(folder: Path) -> dict[str, _File]:
    path = folder / MANIFEST
    if not is_file(path):
        raise BundleError(f"{folder}: is not a bundle, it has no {MANIFEST}: make one with compsel build")
    if path.is_symlink():
        raise IntegrityError(f"{path}: is a link: get the bundle again")
    if path.stat().st_size > _MAX_MANIFEST_BYTES:
        raise IntegrityError(f"{path}: is over {_MAX_MANIFEST_BYTES} bytes: get the bundle again")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = int(content["format_version"])
        if version > FORMAT_VERSION:
            raise VersionError(
                f"{folder}: is of format {version}, this compsel reads up to {FORMAT_VERSION}: install a newer compsel"
            )
        files = {name: _File(int(file["size_bytes"]), str(file["sha256"])) for name, file in content["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise IntegrityError(f"{path}: cannot be read ({error}): get the bundle again") from error
    for name in files:
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts or "\\" in name or ":" in name or not parts.parts:
            raise IntegrityError(f"{path}: names {name!r}, a path out of the bundle: do not trust it")
    return files
