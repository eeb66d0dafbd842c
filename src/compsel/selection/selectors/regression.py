"""Selection by a model of performance: predict what every choice would cost, take the least."""

import numpy as np
import numpy.typing as npt

from compsel.selection.selectors.base import FeatureMatrix
from compsel.selection.selectors.cost_transforms import transform_costs
from compsel.selection.selectors.forest import ForestSettings, grow_forest
from compsel.selection.selectors.tree_selector import TreeSelector
from compsel.selection.selectors.tree_table import TreeTable

__all__ = ["CostRegression"]


class CostRegression(TreeSelector):
    """One forest predicts the transformed cost of all choices at once; the least is selected.

    The empirical performance model of algorithm selection (Xu, Hutter, Hoos and Leyton-Brown, JAIR 32, 2008), with
    one multi-output forest in place of a model for each choice, so that choices are compared on the same neighbours.

    Args:
        transform: what is predicted, a name of `compsel.selection.selectors.cost_transforms.TRANSFORMS`.
        n_trees: size of the forest.
        min_samples_leaf: samples in a leaf at least.
        max_features: share of features drawn for each split.
        random_state: seed.

    Attributes:
        table_: the forest.

    >>> X = np.linspace(0, 1, 40)[:, None]
    >>> selector = CostRegression(n_trees=10).fit(X, np.hstack([X, 1 - X]))
    >>> selector.predict([[0.1], [0.9]])
    array([0, 1])
    """

    def __init__(
        self,
        transform: str = "root",
        n_trees: int = 100,
        min_samples_leaf: int = 3,
        max_features: float = 0.5,
        random_state: int = 0,
    ) -> None:
        self.transform = transform
        self.n_trees = n_trees
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.random_state = random_state

    def _fit_table(self, X: FeatureMatrix, costs: npt.NDArray[np.float64]) -> TreeTable:
        target = transform_costs(costs, self.transform)
        if X.shape[1] == 0:
            return TreeTable.constant(target.mean(axis=0))
        settings = ForestSettings(self.n_trees, "extra", self.min_samples_leaf, self.max_features)
        return grow_forest(X, target, target, settings, np.random.default_rng(self.random_state)).table
