"""How a change of a sample is noticed: by size and time of change of its file, or by the hash of its arrays."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

__all__ = ["array_hash", "file_version"]


def file_version(path: Path) -> str:
    """Return size and time of change of a file, which cost least to read; "gone" where there is none."""
    try:
        found = path.stat()
    except OSError:
        return "gone"
    return f"{found.st_size} {found.st_mtime_ns}"


def array_hash(value: np.ndarray | str | Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of a text, an array, or of named ones: names, types, shapes and content."""
    if isinstance(value, str):
        return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
    arrays = sorted(value.items()) if isinstance(value, Mapping) else [("", value)]
    digest = hashlib.sha256()
    for name, array in arrays:
        content = repr(array.tolist()).encode() if array.dtype.hasobject else np.ascontiguousarray(array).tobytes()
        digest.update(f"{name} {array.dtype} {array.shape} ".encode() + content)
    return digest.hexdigest()
