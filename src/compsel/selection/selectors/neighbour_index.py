"""Nearest neighbours with arithmetic that is exact, so that every machine and every engine finds the same ones."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

__all__ = ["STEPS", "NeighbourIndex"]

STEPS = float(2**20)  # squares take 42 bits, so the 53 of a float64 hold the exact sum of 2000 features
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class NeighbourIndex:
    """Min-max scaled training rows. Distances are Euclidean, squared, over features scaled to 0..1.

    Scaled features are rounded to whole multiples of 2**-20 and clipped to -0.5..1.5, so that the sum of their squared
    differences has no rounding error, in whatever order it is taken. A feature that is not known (NaN) stands at
    the mean of the training rows, and one that is constant takes no part.

    Attributes:
        low: float32 (n_features,), least training value.
        scale: float64 (n_features,), one over the range; 0 where constant.
        fill: float64 (n_features,), the scaled value of a missing feature.
        rows: float64 (n_rows, n_features), the scaled training rows, in steps.

    >>> index = NeighbourIndex.build(np.array([[0.0, 5.0], [1.0, 7.0], [2.0, 9.0]], dtype=np.float32))
    >>> index.nearest(np.array([[1.9, 8.8]], dtype=np.float32), 2)
    array([[2, 1]])
    """

    low: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float64]
    fill: npt.NDArray[np.float64]
    rows: npt.NDArray[np.float64]

    @classmethod
    def build(cls, X: npt.NDArray[np.float32]) -> Self:
        """Scale and keep the training rows `X` (n_rows, n_features)."""
        known = ~np.isnan(X)
        low = np.where(known, X, np.inf).min(axis=0, initial=np.inf)
        high = np.where(known, X, -np.inf).max(axis=0, initial=-np.inf)
        low = np.where(np.isfinite(low), low, 0.0).astype(np.float32)
        width = np.where(np.isfinite(high), high, 0.0).astype(np.float64) - low
        scale = np.divide(1.0, width, out=np.zeros_like(width), where=width > 0)
        bare = cls(low, scale, np.zeros(X.shape[1]), np.empty((0, X.shape[1])))
        steps = bare.steps(X)
        fill = np.rint(steps.sum(axis=0) / np.maximum(known.sum(axis=0), 1))
        return cls(low, scale, fill, np.where(known, steps, fill))

    @property
    def norms(self) -> npt.NDArray[np.float64]:
        """Squared length (n_rows,) of each row: this less twice the product with a query orders rows by distance."""
        return np.asarray((self.rows**2).sum(axis=1))

    def steps(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Scale `X` (n, n_features) to whole steps; float64 of the same shape."""
        scaled = np.rint(np.clip((X.astype(np.float64) - self.low) * self.scale, -0.5, 1.5) * STEPS)
        return np.where(np.isnan(X), self.fill, scaled)

    def nearest(
        self, X: npt.NDArray[np.float32], count: int, among: npt.NDArray[np.integer] | None = None
    ) -> npt.NDArray[np.int64]:
        """Rows (n, count) that are nearest to each row of `X`, nearest first; the lower row wins a tie.

        Args:
            X: float32 (n, n_features).
            count: how many, at most as many as there are to choose from.
            among: only these training rows; all by default. The answer counts positions in it.
        """
        kept = np.arange(len(self.rows)) if among is None else among
        found = np.empty((len(X), count), dtype=np.int64)
        for start in range(0, len(X), _CHUNK):
            farness = self.norms[kept] - 2.0 * (self.steps(X[start : start + _CHUNK]) @ self.rows[kept].T)
            found[start : start + _CHUNK] = np.argsort(farness, axis=1, kind="stable")[:, :count]
        return found
