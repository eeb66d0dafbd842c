"""Selectors whose decision is a sum of tree leaves."""

from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from compsel.selection.export.graph import GraphSelector, SelectorGraph
from compsel.selection.selectors.base import FeatureMatrix
from compsel.selection.selectors.tree_table import TreeTable

__all__ = ["TreeSelector"]


class TreeSelector(GraphSelector):
    """Takes the least of the scores that a `TreeTable` answers. Subclasses write `_fit_table`.

    Attributes:
        table_: the scores of all choices, lower is better, on an exact grid (`TreeTable.exact`).
    """

    table_: TreeTable

    @abstractmethod
    def _fit_table(self, X: FeatureMatrix, costs: npt.NDArray[np.float64]) -> TreeTable:
        """Learn the scores."""

    def _fit(self, X: FeatureMatrix, costs: npt.NDArray[np.float64]) -> None:
        self.table_ = self._fit_table(X, costs).exact()

    def scores(self, X: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """What is compared, float32 (n, n_choices); the least is selected."""
        return self.table_.evaluate(self._check_fitted(X))

    def decide(self, X: FeatureMatrix) -> npt.NDArray[np.integer[Any]]:
        """The columns (n,), from the table."""
        return np.asarray(self.table_.evaluate(X).argmin(axis=1))

    def graph(self) -> Any:
        """One tree ensemble and the least of its answers."""
        graph = SelectorGraph()
        return graph.finish(graph.trees(self.table_), self)
