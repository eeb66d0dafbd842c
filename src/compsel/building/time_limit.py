"""A time limit in words, and durations in words.

>>> seconds_of("10 min"), seconds_of("1h 30m"), seconds_of(600)
(600.0, 5400.0, 600.0)
>>> duration_words(42.0), duration_words(400.0), duration_words(9000.0)
('1 min', '7 min', '2.5 h')
>>> limit_words(10.0), limit_words(90.0), limit_words(600.0)
('10 s', '90 s', '10 min')
"""

import math
import re

from compsel.errors import UsageError

__all__ = ["duration_words", "limit_words", "seconds_of"]

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_PART = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:(h)(?:ours?|rs?)?|(m)(?:in(?:utes?|s)?)?|(s)(?:ec(?:onds?|s)?)?|$)\s*(?![a-z])"
)


def seconds_of(limit: str | float) -> float:
    """Return a time limit in seconds: a number of them, or words such as "10 min", "1h", "90 s".

    Raises:
        UsageError: not a time above 0.
    """
    seconds = float(limit) if not isinstance(limit, str) else _read(limit.strip().lower())
    if not 0 < seconds < math.inf:
        raise UsageError(f'time limit: got {limit!r}, allowed are times such as "10 min", "1h", or seconds above 0')
    return seconds


def _read(text: str) -> float:
    found = [match for match in _PART.finditer(text) if match.group()]
    if not found or "".join(match.group() for match in found) != text:
        return math.nan
    units = ((match.group(1), match.group(2) or match.group(3) or match.group(4) or "s") for match in found)
    return sum(float(number) * _UNITS[unit] for number, unit in units)


def duration_words(seconds: float) -> str:
    """Return about how long something takes: no estimate is more exact."""
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h"


def limit_words(seconds: float) -> str:
    """Return a limit as it was given: a short one is not rounded to minutes."""
    return duration_words(seconds) if seconds >= 120 or seconds == 60 else f"{seconds:g} s"
