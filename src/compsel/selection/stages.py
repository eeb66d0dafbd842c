"""The staged policy at given prices, for one input and in plain numbers: the hot path of an app."""

import bisect
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.features.probe import Evidence, fuse_one
from compsel.selection.credibility import Guard
from compsel.selection.staged import STOP, Plan

__all__ = ["Stages"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Step:
    """A node at given prices, in plain numbers: what one decision of an app needs."""

    members: tuple[int, ...]
    weights: list[float]
    coefficients: list[float]
    intercept: float
    grid: list[float]
    going_on: list[tuple[int, list[float]]]

    def score(self, stages: Sequence[Evidence], easiness: float | None) -> float:
        if not self.members:
            return _probability(easiness or 0.0)
        _, features = fuse_one(stages, self.weights)
        if easiness is not None:
            features.append(easiness)
        return _probability(self.intercept + sum(map(operator.mul, self.coefficients, features)))

    def decide(self, score: float, penalty: float) -> int:
        action, best = STOP, penalty * (1.0 - score) if self.members else math.inf
        if self.going_on:
            upper = bisect.bisect_right(self.grid, score)
            for variant, prices in self.going_on:
                price = self._between(prices, upper, score)
                if price < best:
                    action, best = variant, price
        return action

    def _between(self, prices: list[float], upper: int, score: float) -> float:
        if upper == 0:
            return prices[0]
        if upper == len(self.grid):
            return prices[-1]
        low, high = self.grid[upper - 1], self.grid[upper]
        return (prices[upper] - prices[upper - 1]) / (high - low) * (score - low) + prices[upper - 1]


class Stages:
    """The staged policy at given prices. It decides as `StagedPolicy.walk` does, for one input and without arrays.

    Args:
        plan: what the policy does at these prices.
        guard: against inputs that are not credible; None: every input is.
    """

    def __init__(self, plan: Plan, guard: Guard | None = None) -> None:
        self.plan = plan
        self.guard = guard
        self._steps: dict[tuple[int, ...], _Step] = {}
        self._looked: tuple[NDArray[np.float32] | None, bool, float | None] | None = None

    def first(self, features: NDArray[np.float32] | None) -> int:
        """Return the variant to run first."""
        doubted, easiness = self._look(features)
        if doubted and self.guard is not None:
            return self.guard.fallback
        if easiness is None:
            return self.plan.first
        step = self._step(())
        return step.decide(step.score((), easiness), self.plan.penalty)

    def next(
        self, ran: Sequence[int], evidence: Sequence[Evidence], features: NDArray[np.float32] | None = None
    ) -> tuple[int, float | None]:
        """Return the variant to run next, or STOP, and the probability that the answer so far is right."""
        members = tuple(sorted(ran))
        step = self._step(members)
        order = evidence if len(ran) == 1 else [evidence[ran.index(member)] for member in members]
        doubted, easiness = self._look(features)
        score = step.score(order, easiness)
        if doubted and self.guard is not None and list(ran) == [self.guard.fallback]:
            return STOP, score
        return step.decide(score, self.plan.penalty), score

    def weights(self, ran: Sequence[int]) -> Floats:
        """Return the powers of the pool."""
        members = tuple(sorted(ran))
        step = self._step(members)
        return np.array([step.weights[members.index(member)] for member in ran])

    def _look(self, features: NDArray[np.float32] | None) -> tuple[bool, float | None]:
        """Return whether an input is doubted, and how easy it looks; kept for its next stages."""
        looked = self._looked
        if looked is not None and looked[0] is features:
            return looked[1], looked[2]
        doubted = self.guard is not None and features is not None and bool(self.guard.credibility.doubts(features))
        easiness = self.plan.policy.easiness
        log_odds = None
        if easiness is not None:
            log_odds = easiness.intercept if features is None else float(easiness.of(features))
        self._looked = (features, doubted, log_odds)
        return doubted, log_odds

    def _step(self, members: tuple[int, ...]) -> _Step:
        found = self._steps.get(members)
        if found is not None:
            return found
        number = self.plan.policy.index[members]
        node = self.plan.policy.nodes[number]
        step = self._steps[members] = _Step(
            members,
            node.weights.tolist(),
            node.coefficients.tolist(),
            node.intercept,
            node.grid.tolist(),
            [(variant, prices.tolist()) for variant, prices in self.plan.going_on.get(number, {}).items()],
        )
        return step


def _probability(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds)) if log_odds > -700.0 else 0.0
