"""What a signature of a bundle covers: its manifest, byte by byte, and every file that this lists."""

import hashlib
from collections.abc import Mapping
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any

from compsel.bundle.file_names import MANIFEST, SIGNATURE
from compsel.bundle.verified_files import ListedFile
from compsel.errors import missing_dependency, one_line

__all__ = ["SignedContents", "key_reason", "library"]


def library(part: str) -> Any:
    """Import a part of `model_signing`: a third of a second, and 40 MB.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return import_module(f"model_signing.{part}")
    except ModuleNotFoundError as error:  # or something that it needs
        raise missing_dependency(error) from error


def key_reason(error: Exception) -> str:
    """Return in words why a key or a certificate cannot be used."""
    if isinstance(error, AttributeError):  # what the library says to RSA and Ed25519
        return "allowed are keys on the curves P-256, P-384 and P-521"
    return one_line(error)


class SignedContents:
    """Hashes for `model_signing`: those of what was read, or will be checked, instead of what lies at a path then.

    Args:
        manifest: bytes of the manifest that is used.
        files: that it lists.

    >>> SignedContents(b"{}", {}).hashes
    {'manifest.json': '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'}
    """

    def __init__(self, manifest: bytes, files: Mapping[str, ListedFile]) -> None:
        listed = {name: file.sha256 for name, file in files.items()}
        self.hashes = {**listed, MANIFEST: hashlib.sha256(manifest).hexdigest()}

    def hash(self, model_path: Any, *, files_to_hash: Any = None) -> Any:
        """Return the manifest of `model_signing`, as its `hashing.Config.hash` does."""
        format_ = library("manifest")
        kind = format_.SerializationType.from_args(
            {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": [SIGNATURE]}
        )
        items = [
            kind.new_item(PurePosixPath(name), format_.hashing.Digest("sha256", bytes.fromhex(digest)))
            for name, digest in self.hashes.items()
        ]
        return format_.Manifest(PurePosixPath(model_path).name, items, kind)

    def add_ignored_paths(self, *, model_path: Any, paths: Any) -> None:
        """Ignore nothing, whatever a signature asks for."""
