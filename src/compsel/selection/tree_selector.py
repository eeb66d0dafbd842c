"""Selectors whose decision is a sum of tree leaves: fast for one row and exact when exported."""

from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from compsel.selection.base import FeatureMatrix, Selector
from compsel.selection.exported import ExportedSelector
from compsel.selection.graph import GraphBuilder
from compsel.selection.trees import TreeTable

__all__ = ["TreeSelector"]


class TreeSelector(Selector):
    """Takes the least of the scores that a `TreeTable` answers. Subclasses write `_fit_table`.

    A fitted selector runs its own exported graph, so one row takes microseconds; the graph is made when first needed
    and is not part of a copy.

    Attributes:
        table_: the scores of all choices, lower is better, on an exact grid (`TreeTable.exact`).
    """

    table_: TreeTable

    @abstractmethod
    def _fit_table(self, X: FeatureMatrix, costs: npt.NDArray[np.float64]) -> TreeTable:
        """Learn the scores."""

    def _fit(self, X: FeatureMatrix, costs: npt.NDArray[np.float64]) -> None:
        self.__dict__.pop("_exported", None)
        self.table_ = self._fit_table(X, costs).exact()

    def _predict(self, X: FeatureMatrix) -> npt.NDArray[np.integer[Any]]:
        return self._engine().run(X)

    def _select(self, features: npt.NDArray[np.float32]) -> int:
        return int(self._engine().run(features[None])[0])

    def scores(self, X: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """What is compared, float32 (n, n_choices); the least is selected."""
        return self.table_.evaluate(self._check_fitted(X))

    def graph(self) -> Any:
        """The decision as an ONNX ModelProto, for `compsel.selection.export.to_onnx`."""
        graph = GraphBuilder()
        scores = graph.trees(self.table_)
        choice = graph.node("ArgMin", scores, axis=1, keepdims=0)
        return graph.finish(scores, choice, self.n_features_in_, self.n_choices_, type(self).__name__)

    def _engine(self) -> ExportedSelector:
        if "_exported" not in self.__dict__:
            self._exported = ExportedSelector(self.graph().SerializeToString())
        return self._exported

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_exported"}
