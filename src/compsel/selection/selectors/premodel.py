"""The premodel of LCTES 2018: a chain of nearest-neighbour classifiers over image features.

Taylor, Marco, Wolff, Elkhatib and Wang, "Adaptive Deep Learning Model Selection on Embedded Systems", LCTES 2018:
section 3 (the chain, K = 5, Euclidean distance, features scaled to 0..1) and algorithm 1 (which models, what order).
"""

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from compsel.errors import SelectorError
from compsel.selection.export.graph import FLOAT, GraphSelector, SelectorGraph
from compsel.selection.selectors.base import FeatureMatrix
from compsel.selection.selectors.neighbour_graph import farness, nearest
from compsel.selection.selectors.neighbour_index import NeighbourIndex
from compsel.selection.selectors.tree_table import TreeTable

__all__ = ["Premodel", "order_choices"]

_NONE = -1


class Premodel(GraphSelector):
    """Asks one classifier after another "is it this choice?" and takes the first that says yes.

    Each sample is labelled with its optimal choice: the cheapest that is right, or none where all are wrong. The
    chain holds the choices of `order_choices`; the classifier of a level is trained on the samples that the levels
    before it leave over. Where the whole chain says no, the paper answers "failure" and runs nothing: `abstains`
    tells those samples, and `predict` answers them with the choice that is right most often.

    Args:
        neighbours: how many vote (K).
        stop_points: theta, percentage points of samples served that a further choice must add at least.
        max_choices: length of the chain at most; None for no limit.

    Attributes:
        chain_: columns, in the order in which they are asked about.
        fallback_: the column that answers where the chain does not.

    >>> import numpy as np
    >>> X = np.repeat([[0.0], [1.0], [2.0]], 6, axis=0)
    >>> costs = np.repeat([[1.0, 2.0], [9.0, 2.0], [9.0, 9.0]], 6, axis=0)
    >>> premodel = Premodel().fit(X, costs, correct=costs < 9)
    >>> premodel.chain_, premodel.predict([[0.0], [1.0]])
    ((0, 1), array([0, 1]))
    """

    chain_: tuple[int, ...]
    fallback_: int

    def __init__(self, neighbours: int = 5, stop_points: float = 0.5, max_choices: int | None = None) -> None:
        self.neighbours = neighbours
        self.stop_points = stop_points
        self.max_choices = max_choices

    def fit(self, X: npt.ArrayLike, costs: npt.ArrayLike, correct: npt.ArrayLike | None = None) -> Self:
        """Learn the chain.

        Args:
            X: float (n, n_features).
            costs: float (n, n_choices), lower is better.
            correct: bool (n, n_choices), whether a choice is right on a sample. Without it a choice is right where
                it costs least, and none is on a sample where all cost the same.

        Raises:
            SelectorError: as `Selector.fit`, or a table `correct` of another shape than `costs`.
        """
        if self.neighbours < 1:
            raise SelectorError(f"Premodel: neighbours must be at least 1, got {self.neighbours}")
        self._correct = None if correct is None else np.asarray(correct, dtype=bool)
        try:
            return super().fit(X, costs)
        finally:
            del self._correct

    def _fit(self, X: FeatureMatrix, costs: npt.NDArray[np.float64]) -> None:
        correct = self._correct
        if correct is None:
            least = costs.min(axis=1, keepdims=True)
            correct = (costs == least) & (costs.max(axis=1, keepdims=True) > least)
        if correct.shape != costs.shape:
            raise SelectorError(f"Premodel: correct has shape {correct.shape}, costs {costs.shape}: they must agree")
        optimal = np.where(correct.any(axis=1), np.where(correct, costs, np.inf).argmin(axis=1), _NONE)
        self.fallback_ = int(np.lexsort((costs.mean(axis=0), -correct.sum(axis=0)))[0])
        self.chain_ = order_choices(optimal, correct, self.stop_points, self.max_choices)
        self.index_ = NeighbourIndex.build(X)
        self.levels_: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]] = []
        left = np.arange(len(X))
        for choice in self.chain_:
            self.levels_.append((left, optimal[left] == choice))
            left = left[optimal[left] != choice]
            if len(left) == 0:
                break

    def decide(self, X: FeatureMatrix) -> npt.NDArray[np.integer[Any]]:
        """The columns (n,), from distances computed by numpy."""
        answer = self._answer(X)
        return np.where(answer == _NONE, self.fallback_, answer)

    def _answer(self, X: FeatureMatrix) -> npt.NDArray[np.int64]:
        answer = np.full(len(X), _NONE, dtype=np.int64)
        for choice, (rows, label) in zip(self.chain_, self.levels_, strict=False):
            asked = np.flatnonzero(answer == _NONE)
            voters = min(self.neighbours, len(rows))
            votes = label[self.index_.nearest(X[asked], voters, rows)].sum(axis=1)
            answer[asked[2 * votes > voters]] = choice
        return answer

    def graph(self) -> Any:
        """Distances once, a vote a level; the earlier a level that says yes, the less the score of its choice."""
        graph = SelectorGraph()
        start = np.ones(self.n_choices_)
        start[self.fallback_] = 0.5
        scores = graph.trees(TreeTable.constant(start))
        far = farness(graph, self.index_)
        for depth, (choice, (rows, label)) in enumerate(zip(self.chain_, self.levels_, strict=False)):
            voters = min(self.neighbours, len(rows))
            found = nearest(graph, graph.node("Gather", far, graph.constant(rows), axis=1), voters)
            votes = graph.node("Gather", graph.constant(label.astype(np.float32)), found, axis=0)
            total = graph.node("ReduceSum", votes, graph.constant(np.array([1])), keepdims=1)
            yes = graph.node("Greater", total, graph.constant(np.array(voters / 2, dtype=np.float32)))
            reward = np.zeros((1, self.n_choices_), dtype=np.float32)
            reward[0, choice] = len(self.chain_) + 1 - depth
            gain = graph.node("Mul", graph.node("Cast", yes, to=FLOAT), graph.constant(reward))
            scores = graph.node("Sub", scores, gain)
        return graph.finish(scores, self)


def order_choices(
    optimal: npt.NDArray[np.integer[Any]],
    correct: npt.NDArray[np.bool_],
    stop_points: float = 0.5,
    max_choices: int | None = None,
) -> tuple[int, ...]:
    """Algorithm 1 of LCTES 2018: first the choice that is optimal most often, then the one that fixes most of the rest.

    Args:
        optimal: int (n,), the optimal choice of each sample, negative where there is none.
        correct: bool (n, n_choices).
        stop_points: theta, percentage points; a choice that serves fewer further samples ends the search.
        max_choices: how many at most.

    Returns:
        columns, in order; empty only when no choice is right anywhere.

    >>> correct = np.array([[1, 0, 1], [1, 0, 1], [0, 1, 1], [0, 0, 1]], dtype=bool)
    >>> order_choices(np.array([0, 0, 1, 2]), correct)
    (0, 2)
    """
    if not (optimal >= 0).any():
        return ()
    chain = [int(np.bincount(optimal[optimal >= 0], minlength=correct.shape[1]).argmax())]
    served = correct[:, chain[0]]
    while len(chain) < min(max_choices or correct.shape[1], correct.shape[1]):
        gains = correct[~served].sum(axis=0)
        best = int(gains.argmax())
        if gains[best] == 0 or 100.0 * gains[best] / len(correct) <= stop_points:
            break
        chain.append(best)
        served = served | correct[:, best]
    return tuple(chain)
