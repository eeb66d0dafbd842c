"""The selector for any table of costs: it picks and tunes its own learner, and knows when not to choose."""

import time
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from compsel.errors import SelectorError
from compsel.selection.selectors.base import FeatureMatrix
from compsel.selection.selectors.cost_transforms import regret, transform_costs
from compsel.selection.selectors.forest import Forest, ForestSettings, grow_forest
from compsel.selection.selectors.tree_selector import TreeSelector
from compsel.selection.selectors.tree_table import TreeTable

__all__ = ["CandidateScore", "CostSensitiveSelector"]

_VALUES = ("regret", "root", "rank")
_FEWEST_SAMPLES = 10
_MOST_DRAWN = 50  # features for a split: more make wide tables slow, not better


@dataclass(frozen=True, slots=True)
class _Recipe:
    """A way to score: which forests, how their answers are weighted, how far all is pulled to the mean of the table."""

    name: str
    forests: tuple[str, ...]
    weights: tuple[float, float, float]
    shrinkage: float


_FINE = ("standard", "standard+rank", "best")
# The first is used unless another is better with confidence; they differ in what kind of table they suit.
_RECIPES = (
    _Recipe("balanced", _FINE, (1.0, 1.0, 2.0), 0.05),
    _Recipe("cost", _FINE, (1.0, 0.0, 0.0), 0.05),
    _Recipe("rank", _FINE, (0.0, 0.0, 1.0), 0.05),
    _Recipe("coarse", ("coarse",), (1.0, 1.0, 2.0), 0.05),
    _Recipe("cautious", (*_FINE, "coarse"), (1.0, 1.0, 2.0), 0.35),
)


@dataclass(frozen=True, slots=True)
class CandidateScore:
    """What tuning found about one candidate, on samples that its trees had not seen.

    Attributes:
        name: of the trainer, or "single best".
        cost: mean cost of what it selects.
        confidence: probability that it is cheaper than the single best, by a paired test over the samples; 0..1.
    """

    name: str
    cost: float
    confidence: float


class CostSensitiveSelector(TreeSelector):
    """Learns from any table of features and costs, with nothing to set.

    Forests are grown whose leaves hold regret, its root and the rank of every choice, and whose splits separate
    samples by their standardised costs and ranks: huge costs do not drown the others, samples on which all choices
    fail alike say nothing, and near-equal choices share what is known about them. Candidates weight those answers in
    different ways. Each is scored by the true cost of its choices on samples that are out of the bag, which is
    cross-validation without growing again; the first candidate is kept unless another is better with confidence, since
    the best of many noisy scores is often only lucky. If the kept one is not cheaper than the single best with
    confidence, the single best is what is selected, always.

    Args:
        n_trees: of all forests that decide.
        confidence: probability, 0..1, that choosing is cheaper than the single best, below which it does not choose.
        switch_confidence: probability, 0..1, that another candidate is better, from which it is taken.
        budget_s: seconds after which no further tree is grown; None for no limit. A limit that is met makes the
            result depend on the machine's speed.
        random_state: seed.

    Attributes:
        table_: the scores of all choices.
        selected_: name of the candidate that decides, or "single best".
        candidates_: `CandidateScore` of every candidate, and of the single best.

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

    def __init__(
        self,
        n_trees: int = 210,
        confidence: float = 0.7,
        switch_confidence: float = 0.93,
        budget_s: float | None = None,
        random_state: int = 0,
    ) -> None:
        self.n_trees = n_trees
        self.confidence = confidence
        self.switch_confidence = switch_confidence
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
        if self.n_trees < 3 or not (0 <= self.confidence <= 1 and 0 <= self.switch_confidence <= 1):
            raise SelectorError(
                f"CostSensitiveSelector: n_trees must be at least 3 and confidences 0..1, got {self.n_trees}, "
                f"{self.confidence} and {self.switch_confidence}"
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
        if (
            min(len(X), _FEWEST_SAMPLES * X.shape[1] * (costs.shape[1] - 1)) < _FEWEST_SAMPLES
            or not regret(costs).any()
        ):
            return _always(static, costs.shape[1])
        values = [_unit(transform_costs(costs, name)) for name in _VALUES]
        forests = self._grow(X, costs, np.hstack(values))
        mean_values = [value.mean(axis=0) for value in values]
        held_out = {
            trainer.name: costs[np.arange(len(costs)), _held_out_scores(trainer, forests, mean_values).argmin(axis=1)]
            for trainer in _RECIPES
        }
        trainer, confidence = self._pick(held_out, costs[:, static])
        if confidence < self.confidence:
            return _always(static, costs.shape[1])
        self.selected_ = trainer.name
        return _table(trainer, forests, mean_values)

    def _grow(
        self, X: FeatureMatrix, costs: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
    ) -> dict[str, Forest]:
        standard, rank = _standard_columns(costs), _unit(transform_costs(costs, "rank"))
        leaf = max(2, round(len(X) / 1000))
        each = max(1, self.n_trees // 3)
        share = min(0.5, _MOST_DRAWN / X.shape[1])
        plans = {
            "standard": (standard, ForestSettings(each, "extra", leaf, share)),
            "standard+rank": (np.hstack([standard, rank]), ForestSettings(each, "extra", leaf, share)),
            "best": (standard, ForestSettings(each, "best", leaf, 2 * share / 3)),
            "coarse": (np.hstack([standard, rank]), ForestSettings(each, "extra", 4 * leaf, share)),
        }
        random = np.random.default_rng(self.random_state)
        start, budget_ns = time.perf_counter_ns(), 1e9 * (np.inf if self.budget_s is None else self.budget_s)
        return {
            name: grow_forest(
                X, targets, values, settings, random, self._groups, start + budget_ns * (number + 1) / len(plans)
            )
            for number, (name, (targets, settings)) in enumerate(plans.items())
        }

    def _pick(
        self, held_out: dict[str, npt.NDArray[np.float64]], static: npt.NDArray[np.float64]
    ) -> tuple[_Recipe, float]:
        """The trainer to keep and the probability that it is cheaper than the single best."""
        confidences = {name: self._cheaper(cost, static) for name, cost in held_out.items()}
        self.candidates_ += tuple(
            CandidateScore(name, float(cost.mean()), confidences[name]) for name, cost in held_out.items()
        )
        default = held_out[_RECIPES[0].name]
        switch = {trainer.name: self._cheaper(held_out[trainer.name], default) for trainer in _RECIPES[1:]}
        best = max(_RECIPES[1:], key=lambda trainer: switch[trainer.name])
        kept = best if switch[best.name] >= self.switch_confidence else _RECIPES[0]
        return kept, confidences[kept.name]

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


def _mean(trainer: _Recipe, mean_values: list[npt.NDArray[np.float64]]) -> Any:
    return sum(weight * value for weight, value in zip(trainer.weights, mean_values, strict=True))


def _held_out_scores(
    trainer: _Recipe, forests: dict[str, Forest], mean_values: list[npt.NDArray[np.float64]]
) -> npt.NDArray[np.float64]:
    answers = np.mean([forests[name].held_out for name in trainer.forests], axis=0)
    parts = np.split(answers, len(_VALUES), axis=1)
    learned = _mean(trainer, parts)
    return np.asarray((1 - trainer.shrinkage) * learned + trainer.shrinkage * _mean(trainer, mean_values))


def _table(trainer: _Recipe, forests: dict[str, Forest], mean_values: list[npt.NDArray[np.float64]]) -> TreeTable:
    weights = np.array(trainer.weights) * (1 - trainer.shrinkage) / len(trainer.forests)
    matrix = np.kron(weights[:, None], np.eye(len(mean_values[0]))).astype(np.float64)
    tables = [forests[name].table.projected(matrix) for name in trainer.forests]
    return TreeTable.stack(tables).shifted(trainer.shrinkage * _mean(trainer, mean_values))
