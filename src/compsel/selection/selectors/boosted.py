"""Selection by gradient boosting: predict what every choice would cost, take the least; for any number of samples."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from compsel.errors import require
from compsel.progress import SILENT, Reporter
from compsel.selection.selectors.base import LARGEST_FEATURE, FeatureMatrix
from compsel.selection.selectors.boosted_table import table_of_booster
from compsel.selection.selectors.tree_selector import TreeSelector
from compsel.selection.selectors.tree_table import TreeTable

__all__ = ["BoostedRegression", "boosted", "boosting_features"]

_ROUNDS = 24
_SETTINGS = {
    "objective": "reg:squarederror",
    "tree_method": "hist",
    "max_depth": 6,
    "learning_rate": 0.25,
    "max_bin": 256,
    "base_score": 0.0,
    "seed": 0,
}
_FEWEST_IN_LEAF, _LEAVES = 20, 5000  # a leaf has no fewer samples, nor fewer than this part of all

# what gives the batches: features float32 (m, n_features), see `boosting_features`, and targets float32 (m, n_outputs)
Batches = Callable[[], Iterator[tuple[FeatureMatrix, npt.NDArray[np.float32]]]]


class BoostedRegression(TreeSelector):
    """Gradient-boosted trees (XGBoost) predict the cost of every choice, one output each, from quantised features.

    The expected cost is what has to be compared, whatever the noise: with enough samples no other target decides
    better. With few samples `CostSensitiveSelector` does.

    Args:
        rounds: of boosting.

    Attributes:
        table_: the predicted costs.

    >>> X = np.linspace(0, 1, 400)[:, None]
    >>> BoostedRegression().fit(X, np.hstack([X, 1 - X])).predict([[0.1], [0.9]])
    array([0, 1])
    """

    def __init__(self, rounds: int = _ROUNDS) -> None:
        self.rounds = rounds

    @classmethod
    def of_table(cls, table: TreeTable, n_features: int) -> Self:
        """Return a selector whose trees were grown elsewhere.

        Args:
            table: the predicted costs.
            n_features: that the trees know.
        """
        selector = cls()
        selector.n_features_in_, selector.n_choices_ = n_features, table.n_outputs
        selector.table_ = table.exact()
        return selector

    def _fit_table(self, X: FeatureMatrix, costs: npt.NDArray[np.float64]) -> TreeTable:
        means, deviation = costs.mean(axis=0), float(costs.std()) or 1.0
        if X.shape[1] == 0:
            return TreeTable.constant(means)
        features = boosting_features(X)
        targets = ((costs - means) / deviation).astype(np.float32)
        table = boosted(lambda: iter([(features, targets)]), len(X), self.rounds)
        return table(dict(enumerate(range(costs.shape[1])))).weighted(deviation).shifted(means)


def boosting_features(X: FeatureMatrix) -> FeatureMatrix:
    """Return features with the least of numbers in place of those that are not known.

    A table without gaps is kept as one byte a value, one with gaps as four; the trees ask the same questions.
    """
    clipped = np.clip(X, -LARGEST_FEATURE, LARGEST_FEATURE)
    return np.asarray(np.where(np.isnan(clipped), np.float32(-LARGEST_FEATURE), clipped), np.float32)


def boosted(
    batches: Batches, n: int, rounds: int = _ROUNDS, reporter: Reporter = SILENT
) -> Callable[[dict[int, int]], TreeTable]:
    """Grow trees on the rows of a table that is read in batches, several times; one tree an output in each round.

    In memory are one byte a feature and some numbers an output of each row, see
    `compsel.selection.training.streaming.memory`.

    Args:
        batches: gives them from the first one on, whenever it is called.
        n: rows in all.
        rounds: of boosting.
        reporter: hears how far it is.

    Returns:
        What makes a table of the trees: by output its column; trees of outputs that are not named are left out.
    """
    xgboost = require("xgboost", extra="train")
    matrix = xgboost.QuantileDMatrix(_iterator(xgboost, batches), max_bin=_SETTINGS["max_bin"])
    settings = {**_SETTINGS, "min_child_weight": max(_FEWEST_IN_LEAF, n / _LEAVES)}
    booster = xgboost.Booster(settings, [matrix])
    for number in reporter.track(range(rounds), "boosting"):
        booster.update(matrix, number)

    def table(columns: dict[int, int]) -> TreeTable:
        found = table_of_booster(booster, columns, max(columns.values()) + 1)
        # what is not known counted as the least of numbers, which goes left everywhere
        return replace(found, missing_left=found.feature >= 0)

    return table


def _iterator(xgboost: Any, batches: Batches) -> Any:
    class Rows(xgboost.DataIter):  # type: ignore[misc]  # it has no types
        def __init__(self) -> None:
            super().__init__(release_data=True)
            self._batches = batches()

        def next(self, input_data: Callable[..., Any]) -> bool:
            for features, targets in self._batches:
                if len(features):
                    input_data(data=features, label=targets)
                    return True
            return False

        def reset(self) -> None:
            self._batches = batches()

    return Rows()
