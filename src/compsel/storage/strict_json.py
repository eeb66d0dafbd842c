"""JSON that was written by somebody else: what could be read in two ways, or costs without end, is refused."""

import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from compsel.storage.regular_files import read_regular
from compsel.storage.sizes import DOCUMENT_BYTES, MOST_VALUES

__all__ = ["check_nesting", "parse_json", "read_json"]

_DEEPEST = 64
_STEPS = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")
_OTHERS = bytes(byte for byte in range(256) if byte not in b"[]{}")
# only such numbers can be beyond all floats: the parser asks us about each where there is one
_LARGE_EXPONENT = re.compile(rb"[eE]\+?\d{3}")
_MANY_DIGITS = b"1" * 300
_AS_DIGITS = bytes(ord("1") if byte in b"0123456789" else ord("0") for byte in range(256))


def parse_json(data: bytes | str, most_values: int = MOST_VALUES) -> Any:
    """Parse JSON, as text or in UTF-8.

    Args:
        data: the document.
        most_values: that it may have, separators inside texts counted as well.

    Raises:
        ValueError: not JSON; NaN, an infinity (also 1e999), a key twice, numbers of thousands of digits; nested deeper
            than any file of ours; more values than that.

    >>> parse_json(b'{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    >>> parse_json(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ValueError: key 'a' stands there twice
    """
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogatepass")
    check_nesting(data, most_values)
    large = _LARGE_EXPONENT.search(data) or _MANY_DIGITS in data.translate(_AS_DIGITS)
    try:
        return json.loads(
            data, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite if large else None
        )
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error


def read_json(path: Path) -> Any:
    """Read a JSON file of at most 64 MB.

    Raises:
        ValueError: see `parse_json`.
        OSError: it cannot be read, or is no file.
    """
    return parse_json(read_regular(path, DOCUMENT_BYTES))


def check_nesting(data: bytes, most_values: int = MOST_VALUES) -> None:
    """Raise ValueError where brackets are nested too deep, or values too many; those in texts are counted as well.

    >>> check_nesting(b"[" * 100)
    Traceback (most recent call last):
    ValueError: nested 100 deep, allowed are 64
    """
    values = sum(map(data.count, (b"[", b"{", b",")))
    if values > most_values:
        raise ValueError(f"has {values:,} values, allowed are {most_values:,}")
    steps = np.frombuffer(data.translate(_STEPS, _OTHERS), np.int8)
    deepest = int(steps.cumsum(dtype=np.int64).max(initial=0))
    if deepest > _DEEPEST:
        raise ValueError(f"nested {deepest:,} deep, allowed are {_DEEPEST}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise ValueError(f"key {next(key for key, count in counts.items() if count > 1)!r} stands there twice")
    return content


def _refuse(word: str) -> float:
    raise ValueError(f"got {word}, allowed are finite numbers")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse(text if len(text) < 40 else f"{text[:40]}...")
    return number
