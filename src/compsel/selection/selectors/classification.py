"""Selection by cost-sensitive classification: samples weigh what a wrong choice would cost on them."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from compsel.errors import SelectorError, require
from compsel.selection.selectors.base import FeatureMatrix
from compsel.selection.selectors.boosted_table import table_of_booster
from compsel.selection.selectors.forest import table_of_tree
from compsel.selection.selectors.tree_selector import TreeSelector
from compsel.selection.selectors.tree_table import TreeTable

__all__ = ["CostSensitiveClassifier", "weighted_labels"]


class CostSensitiveClassifier(TreeSelector):
    """A classifier of the choice to run, trained on cost-proportionate examples (see `weighted_labels`).

    Args:
        estimator: a scikit-learn classifier made of trees: a decision tree, a random forest, extra trees, or an
            XGBoost classifier; a copy is fitted. By default an XGBoost classifier of 60 rounds and depth 4.
        random_state: seed; replaces that of `estimator`.

    Attributes:
        table_: minus the class's probability (forests) or margin (XGBoost), for each choice.

    >>> X = np.linspace(0, 1, 40)[:, None]
    >>> CostSensitiveClassifier().fit(X, np.hstack([X, 1 - X])).predict([[0.1], [0.9]])
    array([0, 1])
    """

    def __init__(self, estimator: Any = None, random_state: int = 0) -> None:
        self.estimator = estimator
        self.random_state = random_state

    def _fit_table(self, X: FeatureMatrix, costs: npt.NDArray[np.float64]) -> TreeTable:
        rows, label, weight = weighted_labels(costs)
        classes, label = np.unique(label, return_inverse=True)
        if len(classes) < 2 or X.shape[1] == 0:
            return TreeTable.constant(costs.mean(axis=0))
        estimator = self._new_estimator()
        estimator.fit(X[rows], label, sample_weight=weight)
        if hasattr(estimator, "get_booster"):
            return _table_of_booster(estimator.get_booster(), classes, self.n_choices_)
        return _table_of_forest(estimator, classes, self.n_choices_)

    def _new_estimator(self) -> Any:
        if self.estimator is not None:
            estimator = require("sklearn.base", extra="train").clone(self.estimator)
            trees = require("sklearn.tree", extra="train").DecisionTreeClassifier
            forests = require("sklearn.ensemble", extra="train")
            made_of_trees = (trees, forests.RandomForestClassifier, forests.ExtraTreesClassifier)
            if not (hasattr(estimator, "get_booster") or isinstance(estimator, made_of_trees)):
                raise SelectorError(
                    f"CostSensitiveClassifier: {type(estimator).__name__} is not made of trees: "
                    "use a decision tree, a random forest, extra trees or XGBoost"
                )
            return estimator.set_params(random_state=self.random_state)
        return require("xgboost", extra="train").XGBClassifier(
            n_estimators=60,
            max_depth=4,
            learning_rate=0.1,
            subsample=0.7,
            colsample_bynode=0.5,
            min_child_weight=0.0,
            n_jobs=1,
            random_state=self.random_state,
        )


def weighted_labels(
    costs: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Examples for a classifier: a sample votes for every choice below the mean cost of its row, by how far below.

    Near-equal choices so share the weight, and a sample on which all choices cost the same has no example (the
    reduction of cost-sensitive to weighted classification; Beygelzimer, Langford and Zadrozny, ICML 2005).

    Returns:
        row (m,), choice (m,) and weight (m,) of each example; weights have mean 1.

    >>> weighted_labels(np.array([[0.0, 1.0, 5.0], [2.0, 2.0, 2.0]]))
    (array([0, 0]), array([0, 1]), array([1.33333333, 0.66666667]))
    """
    below = np.maximum(costs.mean(axis=1, keepdims=True) - costs, 0.0)
    below[costs.max(axis=1) == costs.min(axis=1)] = 0.0  # a mean of equal numbers may differ from them in the last bit
    rows, choices = np.nonzero(below)
    weight = below[rows, choices]
    return rows, choices, weight / weight.mean() if len(weight) else weight


def _table_of_forest(estimator: Any, classes: npt.NDArray[np.int64], n_choices: int) -> TreeTable:
    trees = getattr(estimator, "estimators_", [estimator])
    tables = []
    for tree in (each.tree_ for each in trees):
        values = np.zeros((tree.node_count, n_choices))
        values[:, classes] = -tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True) / len(trees)
        tables.append(table_of_tree(tree, values, n_choices))
    return TreeTable.stack(tables)


def _table_of_booster(booster: Any, classes: npt.NDArray[np.int64], n_choices: int) -> TreeTable:
    """Return minus the margin of each class; what was never the best choice is never chosen."""
    binary = len(classes) == 2
    columns = dict(enumerate(classes[1:].tolist() if binary else classes.tolist()))
    table = table_of_booster(booster, columns, n_choices).weighted(-1.0)
    learner = json.loads(booster.save_raw("json"))["learner"]
    bias = np.zeros(n_choices)
    unseen = np.setdiff1d(np.arange(n_choices), classes)
    start = np.atleast_1d(json.loads(learner["learner_model_param"]["base_score"]))
    bias[classes] = [0.0, -_logit(start[0])] if binary else -np.broadcast_to(start, len(classes))
    bias[unseen] = 1.0 + np.abs(bias).max() + np.maximum.reduceat(np.abs(table.values).ravel(), table.roots).sum()
    return table.shifted(bias)


def _logit(probability: float) -> float:
    return float(np.log(probability / (1.0 - probability)))
