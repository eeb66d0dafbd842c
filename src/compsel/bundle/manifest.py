"""The manifest of a bundle: every file with its size and SHA-256, checked before anything is opened."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from compsel.bundle.file_names import MANIFEST, SIGNATURE
from compsel.bundle.verified_files import ListedFile, VerifiedFiles, read_regular_file
from compsel.errors import BundleError, IntegrityError, VersionError
from compsel.storage.paths import is_file
from compsel.storage.strict_json import parse_json

if TYPE_CHECKING:
    from compsel.bundle.signing.signers import Signers

__all__ = ["FORMAT_VERSION", "MANIFEST", "check_bundle", "write_manifest"]

# Raise it when a compsel of the version before would misread a bundle; keep a reader for the older version in
# `compsel.bundle.bundle`, and a test with a bundle of that version. 2: policies that look at the input first, doubt
# it or abstain; costs by coordinates of the device's state.
FORMAT_VERSION = 3
_MAX_MANIFEST_BYTES = 4_000_000
_MOST_FILES = 10_000


def write_manifest(folder: str | os.PathLike[str], compsel_version: str, task: str = "") -> None:
    """List every file of the folder in its manifest, with the kind of its answers (`compsel.features.tasks`)."""
    from compsel.storage.files import sha256_file, write_json  # what writes is not imported by an app

    folder = Path(folder)
    files = {
        path.relative_to(folder).as_posix(): {"size_bytes": path.stat().st_size, "sha256": sha256_file(path)}
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path not in (folder / MANIFEST, folder / SIGNATURE)
    }
    content = {"format_version": FORMAT_VERSION, "compsel_version": compsel_version}
    write_json(folder / MANIFEST, {**content, **({"task": task} if task else {}), "files": files})


def check_bundle(
    folder: str | os.PathLike[str], only_signed_by: "str | os.PathLike[str] | Signers | None" = None
) -> VerifiedFiles:
    """Check that the folder holds exactly the files of its manifest, each as it was written; return these files.

    Large ones may still be on their way: `VerifiedFiles.wait`.

    Args:
        folder: of the bundle.
        only_signed_by: who must have signed exactly this, which is checked before any file is opened: the file of a
            public key, or a policy. None: whether it is signed plays no role.

    Raises:
        BundleError: no bundle there, or a manifest that cannot be read.
        IntegrityError: a changed, missing or foreign file, a link, something that is no file, sizes beyond all reason,
            or a path that leads out of the folder.
        SignatureError: not signed by whom it must be.
        VersionError: a bundle of a newer format.
    """
    folder = Path(folder)
    manifest = _read(folder)
    files = _listed(folder, manifest)
    if only_signed_by is not None:
        from compsel.bundle.signing.signers import Signers
        from compsel.bundle.signing.verifying import verify_signature  # most apps do not ask for it

        verify_signature(folder, manifest, files, Signers.of(only_signed_by))
    _check_names(folder, files)
    return VerifiedFiles(folder, files, manifest)


def _check_names(folder: Path, files: Mapping[str, ListedFile]) -> None:
    """Refuse folders that hold more or less than is listed, without following links out of them."""
    present = set()
    for above, folders, names in os.walk(folder):
        for name in folders:
            if Path(above, name).is_symlink():
                raise IntegrityError(f"{Path(above, name)}: is a link: get the bundle again")
        present |= {Path(above, name).relative_to(folder).as_posix() for name in names}
    present -= {MANIFEST, SIGNATURE}
    for name in sorted(present - files.keys()):
        raise IntegrityError(f"{folder}: {name} is not in the manifest: remove it, or get the bundle again")
    for name in sorted(files.keys() - present):
        raise IntegrityError(f"{folder}: {name} is missing: get the bundle again")


def _read(folder: Path) -> bytes:
    path = folder / MANIFEST
    if not is_file(path) and not os.path.lexists(path):
        raise BundleError(f"{folder}: is not a bundle, it has no {MANIFEST}: make one with compsel build")
    return read_regular_file(path, _MAX_MANIFEST_BYTES)


def _listed(folder: Path, manifest: bytes) -> dict[str, ListedFile]:
    path = folder / MANIFEST
    try:
        content = parse_json(manifest)
        version = content["format_version"]
        if type(version) is not int or version < 1:
            raise ValueError(f"format_version: got {version!r}, allowed is a whole number from 1")
        if version > FORMAT_VERSION:
            raise VersionError(
                f"{folder}: is of format {version}, this compsel reads up to {FORMAT_VERSION}: install a newer compsel"
            )
        files = {name: ListedFile.from_dict(file) for name, file in content["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{path}: cannot be read ({error}): get the bundle again") from error
    if len(files) > _MOST_FILES:
        raise IntegrityError(f"{path}: lists {len(files)} files, allowed are {_MOST_FILES}: get the bundle again")
    for name in files:
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts or "\\" in name or ":" in name or not parts.parts:
            raise IntegrityError(f"{path}: names {name!r}, a path out of the bundle: do not trust it")
        if not name.isprintable() or parts.as_posix() != name:
            raise IntegrityError(f"{path}: names {name!r}, which is no plain path: do not trust it")
    return files
