"""What choices cost for inputs of several sizes: interpolated between them, for a cost is nearly affine in size."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.selection.costs.states import LogTable
from compsel.values import dataclass

__all__ = ["SizeTables", "bucket_of", "size_of"]

Floats = NDArray[np.float64]


# of neighbouring buckets: within one, costs differ from those at its middle by no more than by a tenth
_RATIO = 1.2
_EACH = 1 / math.log(_RATIO)


@dataclass(frozen=True)
class SizeTables:
    """Latencies at the sizes of input that were measured.

    Attributes:
        sizes: (n_sizes,), ascending.
        usual: the one of them that stands for the samples.
        unit: "tokens", "pixels" or "elements".
        sized_by: name of the variant that counts the units.
        latency_ms: (n_sizes, n_states, n_choices), means.
        p95_ms: the same, 95th percentiles.

    >>> tables = SizeTables(np.array([10.0, 30.0]), 10.0, "tokens", "a", np.array([[[2.0]], [[4.0]]]),
    ...                     np.array([[[2.0]], [[4.0]]]))
    >>> [tables.at(np.ones(1), size)[0].round(1).tolist() for size in (5, 20, 40)]
    [[2.0], [3.0], [5.0]]
    """

    sizes: Floats
    usual: float
    unit: str
    sized_by: str
    latency_ms: Floats
    p95_ms: Floats

    def at(self, weights: Floats, size: float) -> tuple[Floats, Floats]:
        """Return mean and 95th percentile of the latency (n_choices,) for inputs of a size.

        Below the smallest size they are those of the smallest; beyond the largest they go on as between the last two.

        Args:
            weights: (n_states,) of the measured states in the present one.
            size: in `unit`.
        """
        below = min(max(int(np.searchsorted(self.sizes, size)) - 1, 0), len(self.sizes) - 2)
        share = max(0.0, (size - self.sizes[below]) / (self.sizes[below + 1] - self.sizes[below]))
        mean, p95 = (_along(table.at(weights)[below : below + 2], share) for table in self._tables)
        return mean, np.maximum(mean, p95)

    def left_out_error(self) -> Floats:
        """Return log(predicted / measured) (n_sizes - 2, n_states, n_choices), inner sizes from their neighbours."""
        low, middle, high = self.sizes[:-2], self.sizes[1:-1], self.sizes[2:]
        share = ((middle - low) / (high - low))[:, None, None]
        predicted = (1 - share) * self.latency_ms[:-2] + share * self.latency_ms[2:]
        return np.asarray(np.log(predicted / self.latency_ms[1:-1]))

    @property
    def text(self) -> str:
        """What was measured, in a line."""
        low, high = self.sizes[0], self.sizes[-1]
        return f"latency depends on the size of the input: measured at {len(self.sizes)} sizes, " + (
            f"{low:,.0f} to {high:,.0f} {self.unit}; figures without a size are those at {self.usual:,.0f}"
        )

    def nearest(self, size: float) -> int:
        """Return the number of the measured size that is nearest, by ratio."""
        return int(np.abs(np.log(self.sizes / max(size, self.sizes[0]))).argmin())

    def take(self, keep: Sequence[int]) -> "SizeTables":
        """Return the tables of some of the choices, by number."""
        columns = list(keep)
        return replace(self, latency_ms=self.latency_ms[:, :, columns], p95_ms=self.p95_ms[:, :, columns])

    def joined(self, more: "SizeTables") -> "SizeTables":
        """Return the tables of these choices and of others that were measured at the same sizes.

        Raises:
            ValueError: at other sizes, or in other states.
        """
        if not np.array_equal(self.sizes, more.sizes):
            raise ValueError("costs: got tables of other sizes")
        return replace(
            self,
            latency_ms=np.concatenate((self.latency_ms, more.latency_ms), axis=2),
            p95_ms=np.concatenate((self.p95_ms, more.p95_ms), axis=2),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "sizes": self.sizes.tolist(),
            "usual": self.usual,
            "unit": self.unit,
            "sized_by": self.sized_by,
            "latency_ms": self.latency_ms.tolist(),
            "p95_ms": self.p95_ms.tolist(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "SizeTables":
        """Read the JSON form.

        Raises:
            ValueError: content that is not allowed; see also `check`.
        """
        return cls(
            np.array(content["sizes"], np.float64),
            float(content["usual"]),
            str(content["unit"]),
            str(content["sized_by"]),
            np.array(content["latency_ms"], np.float64),
            np.array(content["p95_ms"], np.float64),
        )

    def check(self, shape: tuple[int, int]) -> None:
        """Check that these are times of so many states and choices, at ascending sizes.

        Raises:
            ValueError: they are not; the message says what.
        """
        sizes = self.sizes
        ascending = sizes.ndim == 1 and len(sizes) >= 2 and sizes[0] > 0 and (np.diff(sizes) > 0).all()
        if not (ascending and np.isfinite(sizes).all() and sizes[0] <= self.usual <= sizes[-1]):
            raise ValueError(f"costs: got sizes {sizes.tolist()} and the usual one {self.usual}, allowed ascend from 0")
        for table in (self.latency_ms, self.p95_ms):
            if table.shape != (len(sizes), *shape) or not (np.isfinite(table) & (table > 0)).all():
                raise ValueError("costs: got latencies by size that are not times above 0 of every state and choice")

    @cached_property
    def _tables(self) -> tuple[LogTable, LogTable]:
        return LogTable(np.log(self.latency_ms)), LogTable(np.log(self.p95_ms))


def bucket_of(size: float) -> int:
    """Return the number of the bucket of a size above 0.

    >>> [bucket_of(size) for size in (1.0, 1.05, 100.0, 105.0)]
    [0, 0, 25, 26]
    """
    return round(math.log(size) * _EACH)


def size_of(bucket: int) -> float:
    """Return the size in the middle of a bucket.

    >>> bucket_of(size_of(7))
    7
    """
    return _RATIO**bucket


def _along(ends: Floats, share: float) -> Floats:
    """Return what lies at a share of the way from the first row to the second; beyond it, nothing falls."""
    step = ends[1] - ends[0]
    if share > 1:
        return np.asarray(ends[1] + (share - 1) * np.maximum(step, 0.0))
    return np.asarray(ends[0] + share * step)
