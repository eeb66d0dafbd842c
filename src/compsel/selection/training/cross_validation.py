"""Which selector to ship: cross-validation on the cost itself; each selector tunes itself inside the training folds."""

import inspect
import time
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from compsel.errors import SelectorError
from compsel.selection.classifiers.base import Selector, check_costs, check_features
from compsel.selection.training.gap_closed import GapClosed, measure_gap

__all__ = ["Comparison", "Score", "assign_folds", "compare"]


@dataclass(frozen=True, slots=True)
class Score:
    """How a selector did on samples that it was not trained on.

    Attributes:
        name: the selector's.
        mean_cost: in the unit of the costs.
        gap: gap closed, with its uncertainty.
        fit_s: seconds that a fit took, mean over the folds.
        chosen: int64 (n,), what it selected for each sample while that was held out.
    """

    name: str
    mean_cost: float
    gap: GapClosed
    fit_s: float
    chosen: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Selectors side by side, on the same folds.

    Attributes:
        scores: one a selector, the least mean cost first.
        single_best_cost: mean cost of the choice that is the single best of the training folds.
        oracle_cost: mean cost of the best choice with hindsight.
        n_folds: how many.
    """

    scores: tuple[Score, ...]
    single_best_cost: float
    oracle_cost: float
    n_folds: int

    @property
    def best(self) -> Score:
        """The selector with the least mean cost."""
        return self.scores[0]

    @property
    def winner(self) -> Score | None:
        """The best selector if its 95 % interval of gap closed lies above 0; None: ship the single best."""
        return self.best if self.best.gap.low > 0 else None

    def __getitem__(self, name: str) -> Score:
        for score in self.scores:
            if score.name == name:
                return score
        raise KeyError(f"{name!r} was not compared: there are {', '.join(score.name for score in self.scores)}")

    def __str__(self) -> str:
        lines = [f"{'selector':24s} {'mean cost':>12s} {'gap closed':>10s} {'95 % interval':>16s} {'fit s':>8s}"]
        for score in self.scores:
            interval = f"{score.gap.low:.3f}..{score.gap.high:.3f}"
            lines.append(
                f"{score.name:24s} {score.mean_cost:12.6g} {score.gap.value:10.3f} {interval:>16s} {score.fit_s:8.2f}"
            )
        lines.append(f"single best {self.single_best_cost:.6g}, oracle {self.oracle_cost:.6g}, {self.n_folds} folds")
        return "\n".join(lines)


def compare(
    selectors: Mapping[str, Selector],
    X: npt.ArrayLike,
    costs: npt.ArrayLike,
    folds: int | npt.ArrayLike = 10,
    groups: npt.ArrayLike | None = None,
    random_state: int = 0,
) -> Comparison:
    """Compare selectors by cross-validation on the cost itself.

    A selector that tunes itself does so inside the training folds, so this is nested cross-validation. The selectors
    that are given stay as they are: copies are fitted.

    Args:
        selectors: by name, one at least.
        X: float (n, n_features).
        costs: float (n, n_choices), lower is better.
        folds: how many, or the fold (n,) of every sample.
        groups: (n,), samples that must not be split between training and test, such as versions of one photograph;
            also given to selectors whose `fit` takes `groups`.
        random_state: seed of the folds and of the bootstrap.

    Raises:
        SelectorError: no selectors, tables that do not fit together, or fewer than two folds.

    >>> from compsel.selection.classifiers.baselines import SingleBest
    >>> from compsel.selection.classifiers.regression import CostRegression
    >>> X = np.linspace(0, 1, 60)[:, None]
    >>> costs = np.hstack([X, 1 - X])
    >>> comparison = compare({"static": SingleBest(), "learned": CostRegression(n_trees=10)}, X, costs, folds=5)
    >>> comparison.winner.name, comparison["learned"].gap.value > 0.9
    ('learned', True)
    """
    features, table = check_features(X, "compare"), check_costs(costs, "compare")
    if len(features) != len(table) or not selectors:
        raise SelectorError(
            f"compare needs selectors and as many rows of X as of costs, got {len(selectors)} selectors, "
            f"{len(features)} and {len(table)} rows"
        )
    fold = assign_folds(len(table), folds, groups, random_state) if isinstance(folds, int) else np.asarray(folds)
    numbers = np.unique(fold)
    if fold.shape != (len(table),) or len(numbers) < 2:
        raise SelectorError(
            f"compare needs a fold for each of {len(table)} samples and two different ones at least, "
            f"got shape {fold.shape} and {len(numbers)} different"
        )
    single_best = np.empty(len(table), dtype=np.int64)
    for number in numbers:
        single_best[fold == number] = table[fold != number].mean(axis=0).argmin()
    scores = [_score(name, given, features, table, fold, single_best, groups) for name, given in selectors.items()]
    return Comparison(
        scores=tuple(sorted(scores, key=lambda score: score.mean_cost)),
        single_best_cost=float(table[np.arange(len(table)), single_best].mean()),
        oracle_cost=float(table.min(axis=1).mean()),
        n_folds=len(numbers),
    )


def assign_folds(
    n: int, n_folds: int, groups: npt.ArrayLike | None = None, random_state: int = 0
) -> npt.NDArray[np.int64]:
    """A fold (n,) for each sample, as equal in size as can be; samples of one group share a fold.

    Raises:
        SelectorError: fewer than two groups or folds, or groups of another length.

    >>> np.bincount(assign_folds(10, 3)).tolist()
    [4, 3, 3]
    """
    members = np.arange(n) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    n_groups = int(members.max()) + 1 if len(members) else 0
    if len(members) != n or min(n_folds, n_groups) < 2:
        raise SelectorError(
            f"cannot make {n_folds} folds of {n} samples in {n_groups} groups ({len(members)} labels): "
            "two folds, two groups and a label a sample are needed"
        )
    order = np.random.default_rng(random_state).permutation(n_groups)
    fold = np.empty(n_groups, dtype=np.int64)
    fold[order] = np.arange(n_groups) % min(n_folds, n_groups)
    return np.asarray(fold[members])


def _score(
    name: str,
    given: Selector,
    X: npt.NDArray[np.float32],
    costs: npt.NDArray[np.float64],
    fold: npt.NDArray[Any],
    single_best: npt.NDArray[np.int64],
    groups: npt.ArrayLike | None,
) -> Score:
    chosen = np.empty(len(costs), dtype=np.int64)
    fit_s = []
    takes_groups = "groups" in inspect.signature(given.fit).parameters
    for number in np.unique(fold):
        test = fold == number
        start = time.perf_counter_ns()
        known = {} if groups is None or not takes_groups else {"groups": np.asarray(groups)[~test]}
        fitted = deepcopy(given).fit(X[~test], costs[~test], **known)
        fit_s.append((time.perf_counter_ns() - start) / 1e9)
        chosen[test] = fitted.predict(X[test])
    mean_cost = float(costs[np.arange(len(costs)), chosen].mean())
    return Score(name, mean_cost, measure_gap(costs, chosen, single_best), float(np.mean(fit_s)), chosen)
