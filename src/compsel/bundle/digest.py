"""One hash for all files of a bundle: which bundle it was, whatever its folder is called."""

import hashlib
from collections.abc import Mapping

from compsel.bundle.verified_files import ListedFile

__all__ = ["bundle_digest"]


def bundle_digest(files: Mapping[str, ListedFile] | None) -> str:
    """Return the SHA-256 of the names and hashes of a bundle's files; "" where they are not known.

    >>> bundle_digest({"costs.json": ListedFile(2, 64 * "a")})[:8], bundle_digest(None)
    ('db86077a', '')
    """
    if files is None:
        return ""
    lines = (f"{name} {files[name].sha256}\n" for name in sorted(files))
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()
