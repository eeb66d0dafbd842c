"""The features of samples as a linear model reads them: dense, sparse, or both side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Design"]


@dataclass(frozen=True)
class Design:
    """Features of samples; dense columns stand before sparse ones.

    Attributes:
        dense: float32 (n, n_dense), or None.
        sparse: float32 (n, n_sparse) in compressed rows, or None. One of the two is there.

    >>> Design(np.eye(3, dtype=np.float32)).width
    3
    """

    dense: NDArray[np.float32] | None = None
    sparse: "csr_array | None" = None

    def __len__(self) -> int:
        return int(next(part.shape[0] for part in (self.dense, self.sparse) if part is not None))

    @property
    def n_dense(self) -> int:
        """Number of dense columns."""
        return 0 if self.dense is None else self.dense.shape[1]

    @property
    def width(self) -> int:
        """Number of all columns."""
        return self.n_dense + (0 if self.sparse is None else int(self.sparse.shape[1]))

    def rows(self, indices: Sequence[int] | NDArray[np.intp]) -> "Design":
        """Return the features of some samples."""
        return Design(
            None if self.dense is None else self.dense[indices], None if self.sparse is None else self.sparse[indices]
        )

    def scores(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return features times weights (width, k): (n, k)."""
        split = self.n_dense
        if self.sparse is None:
            assert self.dense is not None
            return self.dense @ weights
        scores = np.asarray(self.sparse @ weights[split:])
        if self.dense is not None:
            scores += self.dense @ weights[:split]
        return scores

    def transposed_product(self, residuals: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the transposed features times residuals (n, k): (width, k)."""
        parts = []
        if self.dense is not None:
            parts.append(self.dense.T @ residuals)
        if self.sparse is not None:
            parts.append(np.asarray(self.sparse.T @ residuals))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
