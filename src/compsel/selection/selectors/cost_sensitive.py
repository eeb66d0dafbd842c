"""The selector for any table of costs: nothing to set, and it knows when not to choose."""

import time
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
import numpy.typing as npt

from compsel.errors import SelectorError
from compsel.selection.selectors.base import FeatureMatrix
from compsel.selection.selectors.cost_transforms import regret, transform_costs
from compsel.selection.selectors.forest import Forest, ForestSettings, grow_forest
from compsel.selection.selectors.tree_selector import TreeSelector
from compsel.selection.selectors.tree_table import TreeTable

__all__ = ["CandidateScore", "CostSensitiveSelector"]

_WEIGHTS = {"regret": 1.0, "root": 1.0, "rank": 2.0}  # what a leaf answers: their sum, each with deviation 1 first
_SHRINKAGE = 0.05  # towards the mean of the table: settles what trees leave undecided
_FORESTS = "forests"
_FEWEST_SAMPLES = 10
_MOST_DRAWN = 50  # features for a split: more make wide tables slow, not better


@dataclass(frozen=True, slots=True)
class CandidateScore:
    """What tuning found about one candidate, on samples that its trees had not seen.

    Attributes:
        name: "forests" or "single best".
        cost: mean cost of what it selects.
        confidence: probability that it is cheaper than the single best, by a paired test over the samples; 0..1.
    """

    name: str
    cost: float
    confidence: float


class CostSensitiveSelector(TreeSelector):
    """Learns from any table of features and costs, with nothing to set.

    Three forests are grown whose leaves hold a weighted sum of regret, its root and the rank of every choice, and whose
    splits separate samples by their standardised costs and ranks: huge costs do not drown the others, samples on which
    all choices fail alike say nothing, and near-equal choices share what is known about them. They are judged by the
    true cost of what they select on samples that are out of the bag, which is cross-validation without growing again;
    where that speaks against them, the single best is what is selected, always. A third of the trees answers out of
    the bag, so the judgement is harsher than the whole deserves: they need not win it, only not lose it clearly.

    Args:
        n_trees: of all forests that decide.
        confidence: probability, 0..1, that choosing is cheaper than the single best, below which it does not choose.
        budget_s: seconds after which no further tree is grown; None for no limit. A limit that is met makes the
            result depend on the machine's speed.
        random_state: seed.

    Attributes:
        table_: the scores of all choices.
        selected_: the name of what decides, "forests" or "single best".
        candidates_: `CandidateScore` of the single best and, where they were grown, of the forests.
        held_out_: (n,), what it selects for each training sample by the trees that did not see it.

    >>> random = np.random.default_rng(0)
    >>> X = random.random((80, 3))
    >>> costs = np.column_stack([X[:, 0], 1 - X[:, 0], np.full(80, 0.6)])
    >>> selector = CostSensitiveSelector(n_trees=30).fit(X, costs)
    >>> selector.predict([[0.1, 0.5, float("nan")], [0.9, 0.5, 0.5]])
    array([0, 1])
    >>> noise = CostSensitiveSelector(n_trees=30).fit(random.random((80, 3)), random.random((80, 4)) + [0, 1, 1, 1])
    >>> noise.selected_
    'single best'
    """

    selected_: str
    candidates_: tuple[CandidateScore, ...]
    held_out_: npt.NDArray[np.int64]

    def __init__(
        self,
        n_trees: int = 120,
        confidence: float = 0.3,
        budget_s: float | None = None,
        random_state: int = 0,
    ) -> None:
        self.n_trees = n_trees
        self.confidence = confidence
        self.budget_s = budget_s
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, costs: npt.ArrayLike, groups: npt.ArrayLike | None = None) -> Self:
        """Learn which choice to run.

        Args:
            X: float (n, n_features), NaN where not known.
            costs: float (n, n_choices), lower is better, finite.
            groups: (n,), samples that belong together, such as versions of one photograph: tuning never judges a
                tree on a relative of a sample that it was grown on.

        Raises:
            SelectorError: as `Selector.fit`, groups of another length, or arguments out of range.
        """
        if self.n_trees < 3 or not 0 <= self.confidence <= 1:
            raise SelectorError(
                f"CostSensitiveSelector: n_trees must be at least 3 and confidence 0..1, got {self.n_trees} "
                f"and {self.confidence}"
            )
        self._groups = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
        try:
            return super().fit(X, costs)
        finally:
            del self._groups

    def _fit_table(self, X: FeatureMatrix, costs: npt.NDArray[np.float64]) -> TreeTable:
        if self._groups is not None and len(self._groups) != len(X):
            raise SelectorError(f"CostSensitiveSelector: {len(self._groups)} groups for {len(X)} samples")
        means = costs.mean(axis=0)
        static = int(means.argmin())
        self.selected_ = "single best"
        self.candidates_ = (CandidateScore("single best", float(means[static]), 0.5),)
        self.held_out_ = np.full(len(X), static)
        if (
            min(len(X), _FEWEST_SAMPLES * X.shape[1] * (costs.shape[1] - 1)) < _FEWEST_SAMPLES
            or not regret(costs).any()
        ):
            return _always(static, costs.shape[1])
        values = np.sum([weight * _unit(transform_costs(costs, name)) for name, weight in _WEIGHTS.items()], axis=0)
        forests = self._grow(X, costs, values)
        prior = _SHRINKAGE * values.mean(axis=0)
        held_out = (1 - _SHRINKAGE) * np.mean([forest.held_out for forest in forests], axis=0) + prior
        chosen = costs[np.arange(len(costs)), held_out.argmin(axis=1)]
        confidence = self._cheaper(chosen, costs[:, static])
        self.candidates_ += (CandidateScore(_FORESTS, float(chosen.mean()), confidence),)
        if confidence < self.confidence or np.array_equal(chosen, costs[:, static]):
            return _always(static, costs.shape[1])
        self.selected_, self.held_out_ = _FORESTS, held_out.argmin(axis=1)
        share = (1 - _SHRINKAGE) / len(forests)
        return TreeTable.stack([forest.table.weighted(share) for forest in forests]).shifted(prior)

    def _grow(self, X: FeatureMatrix, costs: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> list[Forest]:
        standard, rank = _standard_columns(costs), _unit(transform_costs(costs, "rank"))
        leaf = max(2, round(len(X) / 1000))
        each = self.n_trees // 3
        share = min(0.5, _MOST_DRAWN / X.shape[1])
        plans = (
            (standard, ForestSettings(each, "extra", leaf, share)),
            (np.hstack([standard, rank]), ForestSettings(each, "extra", leaf, share)),
            (standard, ForestSettings(each, "best", leaf, 2 * share / 3)),
        )
        random = np.random.default_rng(self.random_state)
        start, budget_ns = time.perf_counter_ns(), 1e9 * (np.inf if self.budget_s is None else self.budget_s)
        ends = [start + budget_ns * (number + 1) / len(plans) for number in range(len(plans))]
        return [
            grow_forest(X, targets, values, settings, random, self._groups, end)
            for (targets, settings), end in zip(plans, ends, strict=True)
        ]

    def _cheaper(self, costs: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> float:
        """Probability that the mean of `costs` is below that of `others`, (n,) each; whole groups are the unit."""
        gain = others - costs
        if self._groups is not None:
            gain = np.bincount(self._groups, weights=gain).astype(np.float64)
        error = gain.std() / np.sqrt(max(len(gain) - 1, 1))
        return (
            NormalDist().cdf(float(gain.mean()) / float(error))
            if error > 0
            else 0.5 + 0.5 * float(np.sign(gain.mean()))
        )


def _always(choice: int, n_choices: int) -> TreeTable:
    scores = np.ones(n_choices)
    scores[choice] = 0.0
    return TreeTable.constant(scores)


def _unit(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    deviation = values.std()
    return values / deviation if deviation > 0 else values


def _standard_columns(costs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Costs with mean 0 and deviation 1 for each choice: every choice has the same say in the splits."""
    centred = costs - costs.mean(axis=0)
    deviation = costs.std(axis=0)
    varies = deviation > 1e-12 * np.abs(costs).max()
    return np.asarray(np.divide(centred, deviation, out=np.zeros_like(centred), where=varies))
