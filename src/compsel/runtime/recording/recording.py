"""What is recorded of the answers of an app, and how much of it is kept."""

import os
from dataclasses import dataclass
from numbers import Real
from typing import Literal

from compsel.errors import UsageError

__all__ = ["Recording"]

_LEAST_MB = 1.0


@dataclass(frozen=True)
class Recording:
    """Where and how `compsel.load(..., record=...)` records.

    Attributes:
        folder: of the parts; others may record there too.
        limit_mb: all parts in the folder together take no more.
        when_full: what happens then: "drop-oldest" removes the oldest part, "stop" records nothing more until there is
            room again. Retraining wants what happened lately, so the oldest goes.
        share: of the answers that are recorded, evenly spread; it is written into every part.
        seconds: so much is lost at most where the power is cut, or the process killed; less costs more writing.

    >>> Recording("records", share=2)
    Traceback (most recent call last):
    compsel.errors.UsageError: Recording: got share=2, allowed is a fraction above 0, up to 1
    """

    folder: str | os.PathLike[str]
    limit_mb: float = 100.0
    when_full: Literal["drop-oldest", "stop"] = "drop-oldest"
    share: float = 1.0
    seconds: float = 5.0

    def __post_init__(self) -> None:
        if not (isinstance(self.limit_mb, Real) and self.limit_mb >= _LEAST_MB):
            raise UsageError(f"Recording: got limit_mb={self.limit_mb!r}, allowed is a size from {_LEAST_MB:g} MB")
        if self.when_full not in ("drop-oldest", "stop"):
            raise UsageError(f"Recording: got when_full={self.when_full!r}, allowed is 'drop-oldest' or 'stop'")
        if not (isinstance(self.share, Real) and 0 < self.share <= 1):
            raise UsageError(f"Recording: got share={self.share!r}, allowed is a fraction above 0, up to 1")
        if not (isinstance(self.seconds, Real) and 0 < self.seconds < float("inf")):
            raise UsageError(f"Recording: got seconds={self.seconds!r}, allowed is a time above 0")
