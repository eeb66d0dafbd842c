"""How a change of a sample is noticed: by size and time of change of its file, or by the hash of its arrays."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["array_hash", "file_version"]


def file_version(path: Path) -> str:
    """Return size and time of change of a file, which cost least to read; "gone" where there is none."""
    try:
        found = path.stat()
    except OSError:
        return "gone"
    return f"{found.st_size} {found.st_mtime_ns}"


def array_hash(value: Any) -> str:
    """Return the SHA-256 of a text, an array, or of named ones: names, types, shapes and content.

    Sequences and maps, which some models take, count with all that is in them.
    """
    digest = hashlib.sha256()
    _add(digest, value)
    return digest.hexdigest()


def _add(digest: "hashlib._Hash", value: Any, name: str = "") -> None:
    if isinstance(value, str) and not name:
        digest.update(value.encode("utf-8", "surrogatepass"))
    elif isinstance(value, Mapping):
        for key, part in sorted(value.items(), key=lambda item: str(item[0])):
            _add(digest, part, str(key))
    elif isinstance(value, (list, tuple)):
        for place, part in enumerate(value):
            _add(digest, part, f"{name}[{place}]")
    elif isinstance(value, (np.ndarray, np.generic)):
        content = repr(value.tolist()).encode() if value.dtype.hasobject else np.ascontiguousarray(value).tobytes()
        digest.update(f"{name} {value.dtype} {value.shape} ".encode() + content)
    else:
        digest.update(f"{name} {value!r} ".encode())
