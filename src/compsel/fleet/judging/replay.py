"""What a bundle would have done for a recorded answer, as far as the record tells, and what is expected beyond it.

A policy is planned for the recorded state and size at its bundle's costs for that kind of device, as a runtime does
before it has corrected any. As long as it runs what was recorded, the recorded confidence decides; where it goes on to
what was not run, its own transitions say how confidence is likely to move, and so what runs and what comes of it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.bundle.bundle import Bundle
from compsel.bundle.device_costs import costs_on
from compsel.device.kind import DeviceKind
from compsel.errors import BundleError
from compsel.fleet.learning.places import Places
from compsel.fleet.learning.recalibration import Recalibration, log_odds
from compsel.selection.cascade.decision_graph import STOP, Cascade, Node
from compsel.selection.cascade.input_difficulty import easy_probability
from compsel.selection.cascade.online import PlannedCascade
from compsel.selection.policies import CascadePolicy, FixedPolicy

__all__ = ["Expectations", "LoggedAnswer", "Replay", "read_answer"]

Floats = NDArray[np.float64]
Fits = Mapping[tuple[str, ...], Recalibration]
_SAME_DIRECTION = 1e-6


@dataclass(frozen=True, slots=True)
class LoggedAnswer:
    """What a record says of an answer.

    Attributes:
        variants: that ran, in order.
        probabilities: that the answer was right after each of them, as the bundle that recorded sees it.
        right: what was heard of it; NaN: nothing.
        features: (n_features,) of its input, that the policies decide by; None: they need none.

    >>> read_answer({"variant": ["a", "b"], "probability_right": [0.6, 0.9], "right": [1.0, 1.0]}, 0, 2).variants
    ('a', 'b')
    """

    variants: tuple[str, ...]
    probabilities: tuple[float, ...]
    right: float
    features: Floats | None = None


@dataclass(frozen=True, slots=True)
class Expectations:
    """What a policy is expected to run, and how well, for an answer.

    Attributes:
        runs: (n_variants,), of the policy: the probability that each runs.
        quality: the probability that the answer is right, as it is calibrated.
        gradient: (n_sets, 2) of the quality, by intercept and slope of the calibration of each set of variants.
        known: whether every decision follows from the record.
        beyond: what was heard of this very answer less its quality; NaN: nothing.

    >>> Expectations(np.ones(1), 0.9, np.zeros((1, 2)), known=True).quality
    0.9
    """

    runs: Floats
    quality: float
    gradient: Floats
    known: bool
    beyond: float = math.nan


class _Planned:
    """A plan of a cascade in one context, and what is expected from each point of each node on."""

    def __init__(self, decides: PlannedCascade, truth: Sequence[Floats]) -> None:
        """Work out what is expected; truth: of each node, at its grid: quality and its gradient (n, 1 + n_numbers)."""
        self.decides, self.plan = decides, decides.plan
        plan = decides.plan
        n = len(plan.policy.variants)
        self.beyond: list[Floats] = [np.empty(0)] * len(plan.policy.nodes)
        self.stopped = [np.hstack([np.zeros((len(table), n)), table]) for table in truth]
        for number in range(len(plan.policy.nodes) - 1, -1, -1):
            node = plan.policy.nodes[number]
            table = np.zeros((len(node.grid), n + truth[number].shape[1]))
            table[:, n:] = truth[number]
            actions = np.full(len(node.grid), plan.first) if number == 0 else plan.decide(number, node.grid)
            for variant in sorted(set(actions.tolist()) - {STOP}):
                rows = actions == variant
                table[rows] = node.edges[variant][rows] @ self.beyond[plan.policy.after(number, variant)]
                table[rows, variant] += 1.0
            self.beyond[number] = table

    def begin(self, features: Floats | None) -> "_Begun":
        """Return how an answer begins for an input with these features."""
        row = None if features is None else features.astype(np.float32)
        fallback, difficulty = self.decides.ood_fallback, self.plan.policy.difficulty
        doubted = fallback is not None and row is not None and bool(fallback.detector.doubts(row))
        easy = None if difficulty is None or row is None else float(easy_probability(difficulty.easy_log_odds(row)))
        return _Begun(self.decides.first(row), doubted, easy)


@dataclass(frozen=True)
class _Begun:
    """What runs first, whether it is all that runs since the input is doubted, and how easy the input looks."""

    first: int
    doubted: bool
    easy: float | None


class Replay:
    """Replays the adaptive policy of a bundle on one kind of device.

    Args:
        bundle: whose policy it is.
        kind: of device.
        logged: the bundle that recorded: its calibration is that of the records.
        truth: by variants that ran, how the recorded probabilities have to be read; see `JudgedCalibration`.

    Raises:
        BundleError: a policy that decides by features alone: records do not tell how its other choices would answer.
    """

    def __init__(self, bundle: Bundle, kind: DeviceKind, logged: Bundle, truth: Fits) -> None:
        policy = bundle.policies["adaptive"]
        if not isinstance(policy, CascadePolicy | FixedPolicy):
            raise BundleError(
                f"{bundle.folder}: its policy decides by features of the input alone, allowed are cascades and single "
                "choices: records cannot tell what another one would have done"
            )
        self.policy, self.costs, self.bundle = policy, costs_on(bundle, kind)[0], bundle
        self.policy_choices: dict[tuple[float, ...], list[tuple[str, str]]] = {}
        self._plans: dict[tuple[float, ...], _Planned | None] = {}
        self._truth = truth
        self._sets = {names: number for number, names in enumerate(sorted(truth))}
        other = logged.policies["adaptive"]
        self._logged = other.policy if isinstance(other, CascadePolicy) else None
        self.exact = True
        if isinstance(policy, CascadePolicy):
            cascade = policy.policy
            self._maps = [self._map(cascade, node) for node in cascade.nodes]
            self._truths = [
                self._true(node, self._backward(number, node.grid)) for number, node in enumerate(cascade.nodes)
            ]

    def choices(self, context: tuple[float, ...]) -> list[tuple[str, str]]:
        """Return the choice of each variant of the policy in a context (`Places.contexts`)."""
        self._planned(context)
        return self.policy_choices[context]

    def expect(self, context: tuple[float, ...], answer: LoggedAnswer) -> Expectations:
        """Return what the policy is expected to do for an answer in a context."""
        planned = self._planned(context)
        if planned is None:
            return self._fixed(answer)
        plan, n, begun = planned.plan, len(self.policy.variants), planned.begin(answer.features)
        runs, ran = np.zeros(n), [begun.first]
        number = plan.policy.after(0, begun.first)
        before: tuple[int, float] | None = None
        while True:
            names = tuple(self.policy.variants[one] for one in ran)
            stage = len(ran)
            runs[ran[-1]] = 1.0
            if set(answer.variants[:stage]) != set(names) or len(answer.variants) < stage:
                return self._beyond(planned, runs, ran, begun, before)
            logged = answer.probabilities[stage - 1]
            if not math.isfinite(logged):
                return self._beyond(planned, runs, ran, begun, before)
            score = float(self._maps[number].of(np.array([logged]))[0])
            action = STOP if begun.doubted else int(plan.decide(number, np.array([score]))[0])
            if action == STOP:
                seen = stage == len(answer.variants) and math.isfinite(answer.right)
                read = self._true(plan.policy.nodes[number], np.array([logged]))[0]
                return self._expected(runs, read, True, answer.right - read[0] if seen else math.nan)
            before = number, score
            ran.append(action)
            number = plan.policy.after(number, action)

    def _beyond(
        self, planned: _Planned, runs: Floats, ran: list[int], begun: _Begun, before: tuple[int, float] | None
    ) -> Expectations:
        """Return what is expected once the last variant has run, whose answer nobody recorded."""
        policy, n = planned.plan.policy, len(runs)
        variant = ran[-1]
        number, score = (0, begun.easy) if before is None else before
        node = policy.nodes[number]
        edge = node.edges[variant]
        if score is None:
            moved = edge.mean(axis=0)
        else:
            moved = np.array([np.interp(score, node.grid, column) for column in edge.T])
        expected = planned.stopped if begun.doubted else planned.beyond
        found = moved @ expected[policy.after(number, variant)]
        return self._expected(runs + found[:n], found[n:], False)

    def _expected(self, runs: Floats, read: Floats, known: bool, beyond: float = math.nan) -> Expectations:
        """Return expectations, of a quality and its gradient in one row (1 + n_numbers,)."""
        return Expectations(runs, float(read[0]), read[1:].reshape(-1, 2), known, beyond)

    def _fixed(self, answer: LoggedAnswer) -> Expectations:
        name, p = self.policy.variants[0], answer.probabilities[0]
        same = answer.variants == (name,)
        read = np.zeros(1 + 2 * len(self._sets))
        read[0] = self.bundle.quality[name]
        if same and math.isfinite(p):
            read = self._read((name,), np.array([p]))[0]
        return self._expected(np.ones(1), read, same, answer.right - read[0] if same else math.nan)

    def _planned(self, context: tuple[float, ...]) -> _Planned | None:
        if context not in self._plans:
            where, size = Places.where(context)
            policy = self.policy
            mean, p95, processors = self.costs.cheapest(policy.variants, where, policy.processor, size)
            self.policy_choices[context] = list(zip(policy.variants, processors, strict=True))
            self._plans[context] = None
            if isinstance(policy, CascadePolicy):
                plan, _ = policy.plan_for_quality(mean, p95, math.inf, None)
                self._plans[context] = _Planned(plan, self._truths)
        return self._plans[context]

    def _map(self, cascade: Cascade, node: Node) -> Recalibration:
        """Return how recorded log-odds become those of this policy: exact where one is calibrated from the other."""
        theirs = self._node_of_logged(cascade, node)
        if theirs is None:
            self.exact = self.exact and not node.members
            return Recalibration()
        ours, base = node.coefficients, theirs.coefficients
        length = float(base @ base)
        slope = float(ours @ base) / length if length > 0 and ours.shape == base.shape else 1.0
        alike = ours.shape == base.shape and np.allclose(ours, slope * base, atol=_SAME_DIRECTION)
        if slope <= 0 or not alike or not np.allclose(node.weights, theirs.weights):
            self.exact = False
            return Recalibration()
        return Recalibration(node.intercept - slope * theirs.intercept, slope)

    def _node_of_logged(self, cascade: Cascade, node: Node) -> Node | None:
        logged = self._logged
        names = [cascade.variants[one] for one in node.members]
        if logged is None or any(name not in logged.variants for name in names):
            return None
        members = [logged.variants.index(name) for name in names]
        if members != sorted(members):
            return None
        number = logged.index.get(tuple(members))
        return None if number is None else logged.nodes[number]

    def _backward(self, number: int, probability: Floats) -> Floats:
        """Return the recorded probabilities that are these to the policy."""
        fit = self._maps[number]
        return np.asarray(1.0 / (1.0 + np.exp(-(log_odds(probability) - fit.intercept) / fit.slope)))

    def _true(self, node: Node, logged: Floats) -> Floats:
        """Return quality and its gradient (n, 1 + n_numbers) at recorded probabilities (n,) after what a node ran."""
        assert isinstance(self.policy, CascadePolicy)
        return self._read(tuple(sorted(self.policy.policy.variants[one] for one in node.members)), logged)

    def _read(self, names: tuple[str, ...], logged: Floats) -> Floats:
        found = np.zeros((len(logged), 1 + 2 * len(self._sets)))
        found[:, 0] = logged
        number = self._sets.get(names)
        if number is not None:
            quality = self._truth[names].of(logged)
            slack = quality * (1.0 - quality)
            found[:, 0] = quality
            found[:, 1 + 2 * number : 3 + 2 * number] = np.column_stack([slack, slack * log_odds(logged)])
        return found


def read_answer(batch: Mapping[str, Any], begin: int, end: int, features: Floats | None = None) -> LoggedAnswer:
    """Return the answer whose stages are the rows from begin to end, of an input with these features."""
    return LoggedAnswer(
        tuple(batch["variant"][begin:end]),
        tuple(batch["probability_right"][begin:end]),
        float(batch["right"][begin]),
        features,
    )
