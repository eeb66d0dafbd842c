"""Plans by the deadline of a call: at given costs they change only at some deadlines, so that few stand for all."""

import bisect
import math
from collections.abc import Iterable

from compsel.runtime.planning.placed_plan import PlacedPlan

__all__ = ["DeadlineTable"]


class DeadlineTable:
    """The plans for every deadline at given costs, each made when it is first needed.

    Args:
        borders: every number (ms) that planning compares a deadline with: which of them a deadline reaches decides.

    >>> table = DeadlineTable([5.0, 2.0, 7.0])
    >>> table.pattern(5.0) == table.pattern(6.9), table.pattern(5.0) == table.pattern(4.9)
    (True, False)
    """

    def __init__(self, borders: Iterable[float]) -> None:
        self._borders = list(borders)
        self._ascending = sorted(self._borders)
        self._plans: dict[int, PlacedPlan] = {}

    def find(self, deadline_ms: float | None) -> PlacedPlan | None:
        """Return what was kept for a deadline that reaches the same borders; None: nothing was yet."""
        return self._plans.get(self._place(deadline_ms))

    def keep(self, deadline_ms: float | None, planned: PlacedPlan) -> None:
        """Keep the plan for a deadline, and all others that reach the same borders."""
        self._plans[self._place(deadline_ms)] = planned

    def pattern(self, deadline_ms: float | None) -> bytes:
        """Return which borders a deadline reaches: by this a plan is found again at other costs."""
        latest = math.inf if deadline_ms is None else deadline_ms
        return bytes(border <= latest for border in self._borders)

    def _place(self, deadline_ms: float | None) -> int:
        return len(self._borders) if deadline_ms is None else bisect.bisect_right(self._ascending, deadline_ms)
