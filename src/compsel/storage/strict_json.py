"""JSON that was written by somebody else: what could be read in two ways, or costs without end, is refused."""

import json
import math
from collections import Counter
from typing import Any

__all__ = ["parse_json"]

_DEEPEST = 64


def parse_json(data: bytes) -> Any:
    """Parse JSON in UTF-8.

    Raises:
        ValueError: not JSON; NaN, an infinity (also 1e999), a key twice, numbers of thousands of digits; nested deeper
            than any file of ours.

    >>> parse_json(b'{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    >>> parse_json(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ValueError: key 'a' stands there twice
    """
    if _depth(data) > _DEEPEST:
        raise ValueError(f"nested deeper than {_DEEPEST}")
    try:
        return json.loads(data, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error


def _depth(data: bytes) -> int:
    """Return how deep brackets are nested, those inside texts counted as well: cheap, and never too little."""
    depth = deepest = 0
    for byte in data.translate(None, _OTHERS):
        depth += 1 if byte in b"[{" else -1
        deepest = max(deepest, depth)
        if deepest > _DEEPEST:
            break
    return deepest


_OTHERS = bytes(byte for byte in range(256) if byte not in b"[]{}")


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
        _refuse(text)
    return number
