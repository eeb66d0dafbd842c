"""Selectors that learn little or nothing: what every other selector has to beat, and what none can."""

from typing import Any

import numpy as np
import numpy.typing as npt

from compsel.errors import SelectorError
from compsel.selection.export.graph import GraphSelector, SelectorGraph
from compsel.selection.selectors.base import FeatureMatrix, Selector, check_costs
from compsel.selection.selectors.tree_table import TreeTable

__all__ = ["OracleSelector", "RandomSelector", "SingleBest"]


class SingleBest(GraphSelector):
    """Always the choice with the least mean cost on the training samples; ties go to the first.

    Attributes:
        choice_: its column.

    >>> import numpy as np
    >>> SingleBest().fit(np.zeros((2, 1)), np.array([[3.0, 1.0], [1.0, 2.0]])).select([0.0])
    1
    """

    choice_: int

    def _fit(self, X: FeatureMatrix, costs: npt.NDArray[np.float64]) -> None:
        self.choice_ = int(costs.mean(axis=0).argmin())

    def decide(self, X: FeatureMatrix) -> npt.NDArray[np.integer[Any]]:
        """The one column, (n,) times."""
        return np.full(len(X), self.choice_)

    def _predict(self, X: FeatureMatrix) -> npt.NDArray[np.integer[Any]]:
        return self.decide(X)

    def _select(self, features: npt.NDArray[np.float32]) -> int:
        return self.choice_

    def graph(self) -> Any:
        """A constant: 0 for the choice, 1 for the others."""
        graph = SelectorGraph()
        scores = np.ones(self.n_choices_)
        scores[self.choice_] = 0.0
        return graph.finish(graph.trees(TreeTable.constant(scores)), self)


class RandomSelector(Selector):
    """Any choice, each as likely as the others, decided by the features and the seed alone.

    The same row gets the same choice wherever it stands in a batch, so a run can be repeated.

    >>> import numpy as np
    >>> X = np.arange(400.0)[:, None]
    >>> chosen = RandomSelector(seed=1).fit(X, np.ones((400, 4))).predict(X)
    >>> bool((np.bincount(chosen) > 80).all())
    True
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def _fit(self, X: FeatureMatrix, costs: npt.NDArray[np.float64]) -> None:
        pass

    def _predict(self, X: FeatureMatrix) -> npt.NDArray[np.integer[Any]]:
        return np.array([self._select(row) for row in X], dtype=np.int64)

    def _select(self, features: npt.NDArray[np.float32]) -> int:
        entropy = [self.seed, *(features + np.float32(0)).view(np.uint32).tolist()]
        return int(np.random.default_rng(entropy).integers(self.n_choices_))


class OracleSelector(Selector):
    """The cheapest choice with hindsight: the bound that no selector can pass (the virtual best).

    It cannot select from features: `predict` refuses, `choose` takes the costs.

    >>> import numpy as np
    >>> OracleSelector().choose(np.array([[3.0, 1.0], [1.0, 2.0]]))
    array([1, 0])
    """

    def _fit(self, X: FeatureMatrix, costs: npt.NDArray[np.float64]) -> None:
        pass

    def _predict(self, X: FeatureMatrix) -> npt.NDArray[np.integer[Any]]:
        raise SelectorError("OracleSelector needs the costs of the samples, got features only: use choose(costs)")

    @staticmethod
    def choose(costs: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """The cheapest column of each row (n,); ties go to the first.

        Raises:
            SelectorError: costs that are not a finite matrix.
        """
        return np.asarray(check_costs(costs, "OracleSelector").argmin(axis=1), dtype=np.int64)
