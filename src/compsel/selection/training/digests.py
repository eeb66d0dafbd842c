"""What training depends on as a hash: tables, settings, and the libraries that train."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

__all__ = ["digest_of"]

# another version may train another selector
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "xgboost", "onnx", "onnxruntime")


def digest_of(*values: Any) -> str:
    """Return the SHA-256 (hexadecimal) of values, and of the versions of the libraries that train.

    Args:
        values: None, texts, bytes, numbers, arrays, and sequences, mappings and objects of them; of an object its class
            and its attributes count.

    Raises:
        TypeError: anything else, such as a function or an array of objects.

    >>> digest_of(np.zeros(2), {"a": 1}) == digest_of(np.zeros(2), {"a": 1})
    True
    >>> digest_of(np.zeros(2)) == digest_of(np.zeros(2, np.float32))
    False
    """
    found = hashlib.sha256()
    _add(found, [_versions(), *values])
    return found.hexdigest()


def _versions() -> list[str]:
    found = []
    for name in _LIBRARIES:
        try:
            found.append(version(name))
        except PackageNotFoundError:
            found.append("")
    return found


def _add(found: Any, value: Any) -> None:
    """Add a value; what it is, and how long, comes first, so that no two values read alike."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("an array of objects has no digest")
        found.update(f"array {value.dtype.str} {value.shape};".encode())
        if value.size:
            found.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8))
    elif value is None or isinstance(value, (bool, int, float, str, bytes, np.generic)):
        text = repr(value).encode("utf-8", "surrogatepass")
        found.update(f"{type(value).__name__} {len(text)};".encode() + text)
    elif isinstance(value, Mapping):
        found.update(f"mapping {len(value)};".encode())
        for key, one in value.items():
            _add(found, key)
            _add(found, one)
    elif isinstance(value, Sequence):
        found.update(f"sequence {len(value)};".encode())
        for one in value:
            _add(found, one)
    else:
        found.update(f"object {type(value).__module__}.{type(value).__qualname__};".encode())
        _add(found, _attributes(value))


def _attributes(value: Any) -> dict[str, Any]:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    if isinstance(value, type) or callable(value) or not hasattr(value, "__dict__"):
        raise TypeError(f"{type(value).__name__} has no digest")
    return dict(vars(value))
