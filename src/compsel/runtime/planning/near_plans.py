"""Plans for the same limits, found again by the costs that they were made for."""

import numpy as np
from numpy.typing import NDArray

from compsel.runtime.planning.placed_plan import PlacedPlan

__all__ = ["NearPlans"]

# a plan says when to go on; it holds as long as no cost has moved by more than this share from those that it was made
# for: where its variants run is found anew with every cost
_SAME_COST = 0.15


class NearPlans:
    """Keeps plans, and finds the one that was made for the nearest costs.

    Args:
        size: how many logarithms of costs a plan is found by.
        most: how many plans are kept.

    >>> NearPlans(3, 10).near(np.zeros(3)) is None
    True
    """

    def __init__(self, size: int, most: int) -> None:
        self._logs = np.empty((0, size))
        self._planned: list[PlacedPlan] = []
        self._most = most

    def near(self, logs: NDArray[np.float64]) -> PlacedPlan | None:
        """Return the plan made for the nearest costs (logarithms), if these are near enough."""
        if not self._planned:
            return None
        distances = np.abs(self._logs - logs).max(axis=1)
        nearest = int(distances.argmin())
        return self._planned[nearest] if distances[nearest] <= _SAME_COST else None

    def keep(self, logs: NDArray[np.float64], planned: PlacedPlan) -> None:
        """Keep a plan; the oldest one goes when there are many."""
        self._logs = np.concatenate((self._logs[-self._most + 1 :], logs[None]))
        self._planned = [*self._planned[-self._most + 1 :], planned]
