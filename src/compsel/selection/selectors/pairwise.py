"""Selection by votes: one cost-sensitive forest for every pair of choices."""

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from compsel.errors import require
from compsel.selection.export.graph import DOUBLE, FLOAT, GraphSelector, SelectorGraph
from compsel.selection.selectors.base import FeatureMatrix
from compsel.selection.selectors.forest import table_of_tree
from compsel.selection.selectors.tree_table import TreeTable

__all__ = ["PairwiseSelector"]


class PairwiseSelector(GraphSelector):
    """Each pair of choices has a forest that says which one is cheaper; the choice with most votes is selected.

    SATzilla 2012 (Xu, Hutter, Hoos and Leyton-Brown, SAT 2012): a sample weighs as much as the two choices differ on
    it, so samples on which both fail alike have no say. Ties in votes go to the choice whose votes were surer.

    Args:
        n_trees: of all forests together; each pair gets its share, at least 5 and at most 100.
        min_samples_leaf: samples in a leaf at least.
        random_state: seed.

    Attributes:
        table_: one output a pair, -1..1; above 0 where the first of the pair is dearer.
        votes_: float64 (n_pairs, n_choices), what being dearer means to each choice: 1 and -1.

    >>> X = np.linspace(0, 1, 40)[:, None]
    >>> PairwiseSelector(n_trees=10).fit(X, np.hstack([X, 1 - X])).predict([[0.1], [0.9]])
    array([0, 1])
    """

    table_: TreeTable
    votes_: npt.NDArray[np.float64]

    def __init__(self, n_trees: int = 600, min_samples_leaf: int = 2, random_state: int = 0) -> None:
        self.n_trees = n_trees
        self.min_samples_leaf = min_samples_leaf
        self.random_state = random_state

    def _fit(self, X: FeatureMatrix, costs: npt.NDArray[np.float64]) -> None:
        pairs = list(combinations(range(self.n_choices_), 2))
        n_pairs = max(len(pairs), 1)
        self.votes_ = np.zeros((n_pairs, self.n_choices_))
        each = int(np.clip(self.n_trees // n_pairs, 5, 100))
        trees, bias = [], np.zeros(n_pairs)
        for number, (first, second) in enumerate(pairs):
            self.votes_[number, [first, second]] = 1.0, -1.0
            dearer = costs[:, first] - costs[:, second]
            forest = self._forest(X, dearer, each, self.random_state + number)
            if forest is None:
                bias[number] = np.sign(dearer.sum())
            else:
                trees += [table_of_tree(tree.tree_, _lean(tree.tree_) / each, n_pairs, number) for tree in forest]
        table = TreeTable.stack(trees) if trees else TreeTable.constant(np.zeros(n_pairs))
        self.table_ = table.shifted(bias).exact()

    def _forest(self, X: FeatureMatrix, dearer: npt.NDArray[np.float64], n_trees: int, seed: int) -> list[Any] | None:
        """Trees that tell where the first of the pair is dearer; None where it always, or never, is."""
        decided = dearer != 0
        label = dearer[decided] > 0
        if X.shape[1] == 0 or label.all() or not label.any():
            return None
        weight = np.abs(dearer[decided])
        ensembles = require("sklearn.ensemble", extra="train")
        forest = ensembles.RandomForestClassifier(
            n_trees, min_samples_leaf=self.min_samples_leaf, random_state=seed, n_jobs=1
        )
        return list(forest.fit(X[decided], label, sample_weight=weight / weight.mean()).estimators_)

    def decide(self, X: FeatureMatrix) -> npt.NDArray[np.integer[Any]]:
        """The columns (n,), from the table."""
        lean = self.table_.evaluate(X).astype(np.float64)
        return np.asarray((np.sign(lean) @ (self.votes_ * self._vote) + lean @ self.votes_).argmin(axis=1))

    @property
    def _vote(self) -> float:
        """More than all leanings together; a power of two, so that adding them is exact."""
        return float(2.0 ** np.ceil(np.log2(2.0 * len(self.votes_) + 2.0)))

    def graph(self) -> Any:
        """The forests, the sign of each pair, and the sum of the votes and leanings against each choice."""
        graph = SelectorGraph()
        lean = graph.node("Cast", graph.trees(self.table_), to=DOUBLE)
        votes = graph.node("MatMul", graph.node("Sign", lean), graph.constant(self.votes_ * self._vote))
        exact = graph.node("Add", votes, graph.node("MatMul", lean, graph.constant(self.votes_)))
        return graph.finish(graph.node("Cast", exact, to=FLOAT), self, exact)


def _lean(tree: Any) -> npt.NDArray[np.float64]:
    """(n_nodes, 1): share of the weight in each node where the first is dearer, less the share where it is cheaper."""
    share = tree.value[:, 0, :] / tree.value[:, 0, :].sum(axis=1, keepdims=True)
    return np.asarray(share[:, 1:] - share[:, :1])
