"""The cascade at given costs, for one input and in plain numbers: the hot path of an app."""

import bisect
import itertools
import math
import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from compsel.features.fusion import ODDS_SMOOTHING, Evidence, fuse_one
from compsel.selection.cascade.decision_graph import STOP, Plan
from compsel.selection.cascade.out_of_distribution import OutOfDistributionFallback

__all__ = ["PlannedCascade"]

Floats = NDArray[np.float64]


class _Step:
    """A node at given costs, in plain numbers: what one decision of an app needs."""

    __slots__ = ("coefficients", "going_on", "grid", "intercept", "members", "weights")

    def __init__(self, plan: Plan, number: int) -> None:
        node = plan.policy.nodes[number]
        self.members: tuple[int, ...] = node.members
        self.weights: list[float] = node.weights.tolist()
        self.coefficients: list[float] = node.coefficients.tolist()
        self.intercept = node.intercept
        self.grid: list[float] = node.grid.tolist()
        self.going_on: list[tuple[int, list[float]]] = [
            (variant, costs.tolist()) for variant, costs in plan.going_on.get(number, {}).items()
        ]

    def score(self, stages: Sequence[Evidence], easy_log_odds: float | None) -> float:
        if not self.members:
            return _probability(easy_log_odds or 0.0)
        _, features = fuse_one(stages, self.weights)
        if easy_log_odds is not None:
            features.append(easy_log_odds)
        return _probability(self.intercept + sum(map(operator.mul, self.coefficients, features)))

    def decide(self, score: float, penalty: float) -> int:
        action, best = STOP, penalty * (1.0 - score) if self.members else math.inf
        if not self.going_on:
            return action
        grid = self.grid
        upper = bisect.bisect_right(grid, score)
        inside = 0 < upper < len(grid)
        share = (score - grid[upper - 1]) / (grid[upper] - grid[upper - 1]) if inside else 0.0
        lower = max(upper - 1, 0)
        for variant, costs in self.going_on:
            cost = costs[lower]
            if inside:
                cost += (costs[upper] - cost) * share
            if cost < best:
                action, best = variant, cost
        return action


class _Alone:
    """What follows a first stage when nothing was known before it: a look-up.

    Attributes:
        intercept, of_odds, of_ratio: of the probability that its answer is right.
        actions: pairs of a probability and what to do below it, ascending; the last one is infinite.
    """

    __slots__ = ("actions", "intercept", "of_odds", "of_ratio")

    def __init__(self, plan: Plan, number: int) -> None:
        node = plan.policy.nodes[number]
        self.of_odds, self.of_ratio = node.coefficients[:2].tolist()
        self.intercept = node.intercept
        self.actions = _actions(plan, number)


def _actions(plan: Plan, number: int) -> tuple[tuple[float, int], ...]:
    """Return which action is the cheapest below which probability of being right: costs are straight between knots."""
    grid = plan.policy.nodes[number].grid
    knots = _distinct(np.concatenate(([0.0], grid, [1.0])))
    going_on = [np.interp(knots, grid, cost) for cost in plan.going_on.get(number, {}).values()]
    costs = np.array([plan.penalty * (1.0 - knots), *going_on])
    borders = [knots]
    for one, other in itertools.combinations(costs, 2):
        before, after = (one - other)[:-1], (one - other)[1:]
        crosses = before * after < 0
        share = before[crosses] / (before[crosses] - after[crosses])
        borders.append(knots[:-1][crosses] + share * np.diff(knots)[crosses])
    edges = _distinct(np.concatenate(borders))
    found = plan.decide(number, (edges[:-1] + edges[1:]) / 2).tolist()
    changes = [place for place in range(1, len(found)) if found[place] != found[place - 1]]
    last = (math.inf, found[-1])
    return (*((float(edges[place]), found[place - 1]) for place in changes), last)


def _distinct(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what `np.unique` does, whose first call imports masked arrays: as long as it takes to open a session."""
    ascending = np.sort(numbers)
    return ascending[np.concatenate(([True], ascending[1:] != ascending[:-1]))]


class PlannedCascade:
    """The cascade at given costs. It decides as `Cascade.walk` does, for one input and without arrays.

    Args:
        plan: what the policy does at these costs.
        ood_fallback: against inputs that are not credible; None: every input is.
    """

    def __init__(self, plan: Plan, ood_fallback: OutOfDistributionFallback | None = None) -> None:
        self.plan = plan
        self.ood_fallback = ood_fallback
        self._looks = ood_fallback is not None or plan.policy.difficulty is not None
        self._alone: dict[int, _Alone] = {}
        self._steps: dict[tuple[int, ...], _Step] = {}
        self._looked: tuple[NDArray[np.float32] | None, bool, float | None] | None = None

    def prepare(self) -> None:
        """Get ready what the first stages need."""
        if self._looks or self.plan.policy.confidence:  # then more than class scores says how sure the first one is
            return
        for variant in self.plan.reachable:
            number = self.plan.policy.index.get((variant,))
            if number is not None:
                self._alone[variant] = _Alone(self.plan, number)

    def first(self, features: NDArray[np.float32] | None) -> int:
        """Return the variant to run first."""
        if not self._looks:
            return self.plan.first
        doubted, easy_log_odds = self._look(features)
        if doubted and self.ood_fallback is not None:
            return self.ood_fallback.fallback
        if easy_log_odds is None:
            return self.plan.first
        step = self._step(())
        return step.decide(step.score((), easy_log_odds), self.plan.penalty)

    def next(
        self, ran: Sequence[int], evidence: Sequence[Evidence], features: NDArray[np.float32] | None = None
    ) -> tuple[int, float | None]:
        """Return the variant to run next, or STOP, and the probability that the answer so far is right."""
        alone = self._alone.get(ran[0]) if len(ran) == 1 else None
        if alone is not None:
            return _look_up(alone, evidence[0])
        members = tuple(sorted(ran))
        step = self._step(members)
        order = evidence if len(ran) == 1 else [evidence[ran.index(member)] for member in members]
        doubted, easy_log_odds = self._look(features) if self._looks else (False, None)
        score = step.score(order, easy_log_odds)
        if doubted and self.ood_fallback is not None and list(ran) == [self.ood_fallback.fallback]:
            return STOP, score
        return step.decide(score, self.plan.penalty), score

    def weights(self, ran: Sequence[int]) -> Floats:
        """Return the powers of the pool."""
        members = tuple(sorted(ran))
        step = self._step(members)
        return np.array([step.weights[members.index(member)] for member in ran])

    def stops_from(self, ran: Sequence[int]) -> float | None:
        """Return from where on an answer of these variants is sure enough: 0 where any is given, 1 where none is."""
        *before, (_, last) = _actions(self.plan, self.plan.policy.index[tuple(sorted(ran))])
        if last != STOP:
            return 1.0
        return before[-1][0] if before else 0.0

    def _look(self, features: NDArray[np.float32] | None) -> tuple[bool, float | None]:
        """Return whether an input is doubted, and how easy it looks; kept for its next stages."""
        looked = self._looked
        if looked is not None and looked[0] is features:
            return looked[1], looked[2]
        doubted = (
            self.ood_fallback is not None and features is not None and bool(self.ood_fallback.detector.doubts(features))
        )
        difficulty = self.plan.policy.difficulty
        log_odds = None
        if difficulty is not None:
            log_odds = difficulty.intercept if features is None else float(difficulty.easy_log_odds(features))
        self._looked = (features, doubted, log_odds)
        return doubted, log_odds

    def _step(self, members: tuple[int, ...]) -> _Step:
        found = self._steps.get(members)
        if found is None:
            found = self._steps[members] = _Step(self.plan, self.plan.policy.index[members])
        return found


def _look_up(alone: _Alone, evidence: Evidence) -> tuple[int, float]:
    """Do what `_Step` does with as few calls as can be: what they touch is out of the caches after an inference."""
    probabilities = evidence.probabilities
    first = probabilities.item(0)
    second = probabilities.item(1) if probabilities.size > 1 else 0.0
    odds, ratio = (
        (first + ODDS_SMOOTHING) / (1.0 - first + ODDS_SMOOTHING),
        (first + ODDS_SMOOTHING) / (second + ODDS_SMOOTHING),
    )
    log_odds = alone.intercept + (alone.of_odds * math.log(odds) + alone.of_ratio * math.log(ratio))
    score = 1.0 / (1.0 + math.exp(-log_odds)) if log_odds > -700.0 else 0.0
    for below, action in alone.actions:
        if score < below:
            return action, score
    return STOP, score


def _probability(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds)) if log_odds > -700.0 else 0.0
