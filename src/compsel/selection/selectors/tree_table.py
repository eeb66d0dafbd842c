"""Decision trees as flat arrays: what every learner with trees is turned into, and what is exported."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

__all__ = ["TreeTable"]

_LEAF = -1
_EXACT = 2**24  # a float32 holds every whole number up to here
_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class TreeTable:
    """The sum of the leaves that a row reaches, one leaf a tree.

    A row goes left where its feature is at most the threshold. A missing feature (NaN) goes where `missing_left` says.
    The leaf vectors of a tree are `width` long and add to the outputs from the tree's `offset` on: `width` is the
    number of outputs where each tree answers them all, and 1 where each tree answers one.

    Attributes:
        roots: int32 (n_trees,), the node at which each tree starts, ascending.
        offset: int32 (n_trees,), the first output that each tree adds to.
        feature: int32 (n_nodes,), the feature that an inner node asks about, -1 in a leaf.
        threshold: float32 (n_nodes,).
        left: int32 (n_nodes,), where a row goes on; a leaf points at itself, as does `right`.
        right: int32 (n_nodes,).
        missing_left: bool (n_nodes,).
        values: float64 (n_nodes, width), what a leaf adds; zero in inner nodes.
        bias: float64 (n_outputs,), what every row gets.

    >>> TreeTable.constant([0.0, 1.0]).evaluate(np.zeros((1, 3), dtype=np.float32))
    array([[0., 1.]], dtype=float32)
    """

    roots: npt.NDArray[np.int32]
    offset: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float32]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    missing_left: npt.NDArray[np.bool_]
    values: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]

    @classmethod
    def constant(cls, bias: npt.ArrayLike) -> Self:
        """A table without trees: every row gets `bias` (n_outputs,)."""
        row = np.array(bias, dtype=np.float64)
        none = np.empty(0, dtype=np.int32)
        values = np.empty((0, len(row)))
        return cls(none, none, none, none.astype(np.float32), none, none, none.astype(bool), values, row)

    @classmethod
    def stack(cls, tables: Sequence[Self]) -> Self:
        """One table whose answer is the sum of the answers of `tables`: one at least, equal outputs and widths."""
        starts = np.cumsum([0, *(len(table.feature) for table in tables)])[:-1].astype(np.int32)
        shifted = list(zip(tables, starts, strict=True))
        return cls(
            roots=np.concatenate([table.roots + start for table, start in shifted]),
            offset=np.concatenate([table.offset for table in tables]),
            feature=np.concatenate([table.feature for table in tables]),
            threshold=np.concatenate([table.threshold for table in tables]),
            left=np.concatenate([table.left + start for table, start in shifted]),
            right=np.concatenate([table.right + start for table, start in shifted]),
            missing_left=np.concatenate([table.missing_left for table in tables]),
            values=np.concatenate([table.values for table in tables]),
            bias=np.sum([table.bias for table in tables], axis=0),
        )

    @property
    def n_outputs(self) -> int:
        """Length of the answer."""
        return len(self.bias)

    def weighted(self, weight: float) -> Self:
        """The table whose answers are `weight` times as large."""
        return replace(self, values=self.values * weight, bias=self.bias * weight)

    def shifted(self, bias: npt.ArrayLike) -> Self:
        """The table whose answers are larger by `bias` (n_outputs,)."""
        return replace(self, bias=self.bias + np.asarray(bias, dtype=np.float64))

    def projected(self, matrix: npt.NDArray[np.float64]) -> Self:
        """The table whose answers are `answer @ matrix`; each tree must answer all outputs (width = n_outputs)."""
        return replace(self, values=self.values @ matrix, bias=self.bias @ matrix)

    def exact(self) -> Self:
        """The table with all values rounded to one grid, so fine that no float32 sum of them is ever rounded.

        The order of the sum then does not matter, and every engine and machine finds the same answers, ties included.
        The step is the largest possible sum over 2**24: of 300 trees, each leaf keeps about 16 bits.
        """
        largest = float(np.abs(self.bias).max(initial=0.0))
        if len(self.roots):
            largest += float(np.maximum.reduceat(np.abs(self.values).max(axis=1), self.roots).sum())
        if largest == 0.0:
            return self
        step = 2.0 ** np.ceil(np.log2(largest / (_EXACT - len(self.roots) - 1)))
        return replace(self, values=np.rint(self.values / step) * step, bias=np.rint(self.bias / step) * step)

    def leaves(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
        """The node (n, n_trees) at which each row of `X` ends in each tree."""
        node = np.tile(self.roots, (len(X), 1))
        rows = np.arange(len(X))[:, None]
        while node.size:
            feature = self.feature[node]
            if (feature == _LEAF).all():
                break
            x = X[rows, feature]
            goes_left = np.where(np.isnan(x), self.missing_left[node], x <= self.threshold[node])
            node = np.where(goes_left, self.left[node], self.right[node])
        return node

    def evaluate(self, X: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The answers, float32 (n, n_outputs), for `X` float32 (n, n_features)."""
        answer = np.empty((len(X), self.n_outputs), dtype=np.float32)
        width = self.values.shape[1]
        for start in range(0, len(X), _CHUNK):
            rows = X[start : start + _CHUNK]
            total = np.tile(self.bias, (len(rows), 1))
            for first, node in zip(self.offset, self.leaves(rows).T, strict=True):
                total[:, first : first + width] += self.values[node]
            answer[start : start + _CHUNK] = total
        return answer
