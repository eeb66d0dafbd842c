"""The cascade: which variant to run first, and after each stage whether its answer is good enough.

A node of the policy is the set of variants that have run for an input. Their fused evidence gives one number, the
calibrated probability that the fused answer is right. Where features of the input are worth their cost, they say
before anything has run how easy it looks: that decides what runs first, and counts in every probability. Going on to
another variant leads to another node; how the probability is likely to move is a transition matrix, learned from
samples. With the cost of every variant at this moment and the penalty for a wrong answer, the value of each next
computation follows by backward induction: go on while it is worth more than it costs (value of computation, Russell
and Wefald 1991, sections 3 and 4). No threshold is set by hand, and costs may change with the device's state without
training again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from compsel.features.fusion import Evidence, fuse
from compsel.selection.cascade.input_difficulty import InputDifficulty, easy_probability
from compsel.values import dataclass

__all__ = ["STOP", "Cascade", "Node", "Plan", "Walk"]

STOP = -1
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Node:
    """A set of variants that have run.

    Attributes:
        members: their indices, ascending; empty at the root.
        weights: (n_members,), powers of the pool that fuses their probabilities.
        coefficients: (n_features,), of the logistic calibration; with `intercept` it maps the features of `fuse`
            to the log-odds that the fused answer is right; one more, the last, where a policy estimates the difficulty.
        intercept: see coefficients.
        grid: (n_grid,), ascending probabilities of being right on which values are kept; at the root, of looking
            easy, each for as many inputs.
        edges: variant that may run next -> transition matrix (n_grid, n_grid of the node it leads to).
    """

    members: tuple[int, ...]
    weights: Floats
    coefficients: Floats
    intercept: float
    grid: Floats
    edges: Mapping[int, Floats] = field(default_factory=dict)

    def lasting(self, durations: Floats) -> float:
        """Return how long the members take one after the other, for the durations (n_variants,) of all."""
        return float(durations[list(self.members)].sum()) if self.members else 0.0

    def score(self, stages: Sequence[Evidence], easy_log_odds: Floats | None = None) -> tuple[NDArray[np.intp], Floats]:
        """Return the fused classes and the probability that they are right, for the evidence of the members."""
        fused = fuse(stages, self.weights)
        features = fused.features if easy_log_odds is None else np.column_stack([fused.features, easy_log_odds])
        return fused.classes, 1.0 / (1.0 + np.exp(-(features @ self.coefficients + self.intercept)))


@dataclass(frozen=True)
class Plan:
    """What the policy does at given costs.

    Attributes:
        policy: whose plan it is.
        first: the variant to run first, when nothing is known about the input.
        penalty: cost of a wrong answer, in the unit of the costs.
        going_on: node index -> {variant: expected total cost of running it next (n_grid,)}.
        reachable: variants that may run under this plan.
        expected_quality: probability that the answer is right, as the policy sees it.
        expected_cost: mean cost.
    """

    policy: "Cascade"
    first: int
    penalty: float
    going_on: Mapping[int, Mapping[int, Floats]]
    reachable: frozenset[int]
    expected_quality: float
    expected_cost: float

    def decide(self, node: int, score: Floats) -> NDArray[np.intp]:
        """Return for each probability (n,) of being right at `node` the variant to run next, or STOP.

        At the root the probability is the one of looking easy, and something has to run.
        """
        best = self.penalty * (1.0 - score) if node else np.full(score.shape, np.inf)
        action = np.full(score.shape, STOP, np.intp)
        grid = self.policy.nodes[node].grid
        for variant, cost in self.going_on.get(node, {}).items():
            going_on = np.interp(score, grid, cost)
            better = going_on < best
            action[better] = variant
            best = np.minimum(best, going_on)
        return action


@dataclass(frozen=True)
class Walk:
    """What a plan did for n inputs.

    Attributes:
        classes: (n,), the fused answer.
        ran: bool (n, n_variants), which variants ran.
        score: (n,), probability of being right that it stopped at.
    """

    classes: NDArray[np.intp]
    ran: NDArray[np.bool_]
    score: Floats


@dataclass(frozen=True)
class Cascade:
    """A decision graph over sets of variants; `plan` costs it, `walk` applies a plan to evidence.

    Attributes:
        variants: names of the variants.
        nodes: the root first, then by number of members.
        difficulty: how easy an input looks; None: nothing is known before a variant has run.
        confidence: name of what gives the numbers of answers without class scores; "": answers have class scores.
        n_confidence: how many of these numbers there are.

    >>> sure = Node((0,), np.ones(1), np.array([1.0, 0.0]), 0.0, np.array([0.1, 0.9]))
    >>> both = Node((0, 1), np.ones(2), np.zeros(5), 3.0, np.array([0.95]))
    >>> root = Node((), np.ones(0), np.zeros(0), 0.0, np.array([0.5]), {0: np.array([[0.5, 0.5]])})
    >>> sure = Node((0,), sure.weights, sure.coefficients, 0.0, sure.grid, {1: np.ones((2, 1))})
    >>> plan = Cascade(("small", "big"), (root, sure, both)).plan(np.array([1.0, 5.0]), penalty=20.0)
    >>> plan.first, plan.decide(1, np.array([0.1, 0.9])).tolist()
    (0, [1, -1])
    """

    variants: tuple[str, ...]
    nodes: tuple[Node, ...]
    difficulty: InputDifficulty | None = None
    confidence: str = ""
    n_confidence: int = 0

    @cached_property
    def index(self) -> dict[tuple[int, ...], int]:
        """Node of each set of variants."""
        return {node.members: number for number, node in enumerate(self.nodes)}

    def after(self, node: int, variant: int) -> int:
        """Return the node that running `variant` at `node` leads to."""
        return self.index[tuple(sorted((*self.nodes[node].members, variant)))]

    def plan(
        self,
        costs: Floats,
        penalty: float,
        limit: float = np.inf,
        durations: Floats | None = None,
    ) -> Plan:
        """Find the best action everywhere, by backward induction.

        Args:
            costs: (n_variants,), what running each costs now; infinite where it must not run.
            penalty: cost of a wrong answer, in the same unit.
            limit: no path may last longer than this, when `durations` are given.
            durations: (n_variants,), how long each takes, in the unit of `limit`.
        """
        lasting = costs if durations is None else durations
        values: dict[int, Floats] = {}
        going_on: dict[int, dict[int, Floats]] = {}
        for number in range(len(self.nodes) - 1, -1, -1):
            node = self.nodes[number]
            spent = node.lasting(lasting)
            continuing = {
                variant: costs[variant] + transition @ values[self.after(number, variant)]
                for variant, transition in node.edges.items()
                if np.isfinite(costs[variant]) and spent + lasting[variant] <= limit
            }
            going_on[number] = continuing
            stop = penalty * (1.0 - node.grid) if node.members else np.full(len(node.grid), np.inf)
            values[number] = np.minimum.reduce([stop, *continuing.values()])
        if not going_on[0]:
            raise ValueError("no variant may run first")
        first = min(going_on[0], key=lambda variant: float(going_on[0][variant].mean()))
        quality, cost, reachable = self._forecast(penalty, going_on, costs)
        return Plan(self, first, penalty, going_on, frozenset(reachable), quality, cost)

    def lasting(self, durations: Floats) -> list[float]:
        """Return how long each path lasts by the end of each of its variants: what `plan` compares its limit with."""
        return [node.lasting(durations) + float(durations[variant]) for node in self.nodes for variant in node.edges]

    def walk(self, plan: Plan, evidence: Sequence[Evidence], features: NDArray[np.float32] | None = None) -> Walk:
        """Apply a plan to the evidence of every variant for the same n inputs.

        Args:
            plan: of this policy.
            evidence: of every variant.
            features: (n, n_features) of the inputs, where the policy estimates the difficulty.
        """
        n = len(evidence[0].classes)
        easy_log_odds = self._easy_log_odds(n, features)
        classes = np.zeros(n, np.intp)
        scores = np.zeros(n)
        ran = np.zeros((n, len(self.variants)), bool)
        first = np.full(n, plan.first) if easy_log_odds is None else plan.decide(0, easy_probability(easy_log_odds))
        at = {self.after(0, variant): np.flatnonzero(first == variant) for variant in set(first.tolist())}
        for number in range(1, len(self.nodes)):
            rows = at.pop(number, np.empty(0, np.intp))
            if not len(rows):
                continue
            node = self.nodes[number]
            ran[np.ix_(rows, np.array(node.members))] = True
            stages = [evidence[member].take(rows) for member in node.members]
            classes[rows], scores[rows] = node.score(stages, None if easy_log_odds is None else easy_log_odds[rows])
            action = plan.decide(number, scores[rows])
            for variant in set(action.tolist()) - {STOP}:
                target = self.after(number, variant)
                at[target] = np.concatenate([at.get(target, np.empty(0, np.intp)), rows[action == variant]])
        return Walk(classes, ran, scores)

    def _easy_log_odds(self, n: int, features: NDArray[np.float32] | None) -> Floats | None:
        if self.difficulty is None:
            return None
        return np.full(n, self.difficulty.intercept) if features is None else self.difficulty.easy_log_odds(features)

    def _forecast(
        self, penalty: float, going_on: Mapping[int, Mapping[int, Floats]], costs: Floats
    ) -> tuple[float, float, set[int]]:
        """Return the expected quality and cost, and the variants that may run, by forward propagation."""
        size = len(self.nodes[0].grid)
        mass = {0: np.full(size, 1.0 / size)}
        quality, cost = 0.0, 0.0
        reachable: set[int] = set()
        for number, node in enumerate(self.nodes):
            here = mass.pop(number, None)
            if here is None:
                continue
            stop = penalty * (1.0 - node.grid) if node.members else np.full(size, np.inf)
            options = [stop, *going_on[number].values()]
            best = np.argmin(np.stack(options), axis=0)
            quality += float((here * node.grid)[best == 0].sum())
            for position, variant in enumerate(going_on[number], start=1):
                moving = np.where(best == position, here, 0.0)
                if not moving.any():
                    continue
                reachable.add(variant)
                cost += float(moving.sum() * costs[variant])
                target = self.after(number, variant)
                mass[target] = mass.get(target, 0.0) + moving @ node.edges[variant]
        return quality, cost, reachable
