"""Where records lie beside the measured costs of a bundle: the nearest state and size, and what was expected there."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.selection.costs.model import CostModel
from compsel.selection.costs.sizes import bucket_of, size_of

__all__ = ["Places", "numbers_of"]

Floats = NDArray[np.float64]
_STEP = 0.05  # of log(1 + coordinate): costs within one step differ by less than a plan would notice


def numbers_of(batch: Any, name: str) -> Floats:
    """Return a column of an Arrow batch as numbers, NaN where it has none, or is not there."""
    if name not in batch.schema.names:
        return np.full(batch.num_rows, math.nan)
    return np.asarray(batch.column(name).cast("float64").to_numpy(zero_copy_only=False), np.float64)


_UNKNOWN = -1e300


class Places:
    """The states and sizes that costs were measured at, and the costs expected there and between them.

    Args:
        costs: of the bundle.

    Attributes:
        count: how many places there are: states of the device, times sizes of inputs.

    >>> costs = CostModel((("a", "cpu:1"),), np.array([[0.0], [2.0]]), np.array([[1.0], [3.0]]), np.ones((2, 1)))
    >>> Places(costs).of(np.array([[0.1], [1.9]]), np.array([np.nan, np.nan])).tolist()
    [0, 1]
    """

    def __init__(self, costs: CostModel) -> None:
        self.costs = costs
        self._sizes = costs.sizes
        self.count = len(costs.states) * max(1, len(self._sizes))
        self._logs: dict[tuple[float, ...], Floats] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of records that tell where a row lies."""
        return (*self.costs.coordinates, "size")

    def of(self, states: Floats, sizes: Floats) -> NDArray[np.intp]:
        """Return the number of the place (n,) nearest to states (n, n_coordinates) and sizes (n,), NaN not known."""
        away = (np.log1p(states)[:, None] - np.log1p(self.costs.states)[None]) ** 2
        state = np.nansum(away, axis=2).argmin(axis=1)
        if self.costs.by_size is None:
            return np.asarray(state, np.intp)
        known = np.where(np.isnan(sizes), self.costs.by_size.usual, np.maximum(sizes, self._sizes[0]))
        size = np.abs(np.log(self._sizes)[None] - np.log(known)[:, None]).argmin(axis=1)
        return np.asarray(size * len(self.costs.states) + state, np.intp)

    def rows(self, batch: Any) -> tuple[Floats, Floats]:
        """Return states (n, n_coordinates) and sizes (n,) of an Arrow batch of records."""
        names = self.costs.coordinates
        return np.stack([numbers_of(batch, name) for name in names], axis=1), numbers_of(batch, "size")

    def contexts(self, states: Floats, sizes: Floats) -> tuple[list[tuple[float, ...]], NDArray[np.intp]]:
        """Return the contexts that occur, rounded as far as costs hardly change within one, and that of each row."""
        rounded = np.round(np.log1p(states) / _STEP) * _STEP
        known = np.isfinite(sizes) & (sizes > 0) & (self.costs.by_size is not None)
        buckets = np.array([bucket_of(size) if ok else math.nan for size, ok in zip(sizes, known, strict=True)])
        # NaN equals nothing, itself among it: what is not known has to be one number while rows are compared
        table = np.nan_to_num(np.column_stack([rounded, buckets]), nan=_UNKNOWN)
        found, inverse = np.unique(table, axis=0, return_inverse=True)
        contexts = [tuple(math.nan if number == _UNKNOWN else number for number in row) for row in found.tolist()]
        return contexts, np.asarray(inverse).ravel()

    def log_costs(self, context: Sequence[float]) -> Floats:
        """Return the logarithms of the expected latencies (n_choices,) in a context."""
        key = tuple(context)
        found = self._logs.get(key)
        if found is None:
            where, size = self.where(key)
            found = self._logs[key] = np.log(self.costs.at(where, size))
        return found

    @staticmethod
    def where(context: Sequence[float]) -> tuple[Floats, float | None]:
        """Return the coordinates and the size of a context, as a cost model takes them."""
        bucket = context[-1]
        return np.expm1(np.array(context[:-1])), None if math.isnan(bucket) else size_of(int(bucket))
