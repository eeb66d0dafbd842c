"""What tells that no outcome is given from one that is not known."""

from enum import Enum
from typing import Final, Literal

__all__ = ["NOT_GIVEN", "Right"]


class _Missing(Enum):
    NOT_GIVEN = "not given"


NOT_GIVEN: Final = _Missing.NOT_GIVEN
Right = bool | float | Literal[_Missing.NOT_GIVEN] | None
