"""Plans for the device's present state and the limits of a call, kept as long as they hold."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from compsel.bundle.bundle import Bundle
from compsel.errors import ObjectiveError, ProcessorError
from compsel.runtime.live_costs import ChoiceCosts, LiveCosts
from compsel.selection.policies import FixedPolicy, Policy, PolicyPlan

__all__ = ["NO_LIMITS", "Limits", "PlacedPlan", "Planner"]

# a plan says when to go on; it holds as long as no cost has moved by more than this share from those that it was made
# for: where its variants run is found anew with every cost
_SAME_COST = 0.15
_WORTH_CHANGING = 1.15  # about the error of a latency in a state that was not measured: less is no reason to move
_KEPT_PLANS, _KEPT_LIMITS = 32, 64
_BARRED_MS = 1e12
_TOLERANCE = 1e-4  # of a quality: costs measured again move it by as much


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call asks for, besides the bundle's objective.

    Attributes:
        deadline_ms: the answer must be there by then.
        min_quality: the answer must be right with at least this probability, on average.
        minimize: what to minimise; None is the bundle's objective.
    """

    deadline_ms: float | None = None
    min_quality: float | None = None
    minimize: str | None = None

    def __post_init__(self) -> None:
        if self.deadline_ms is not None and not (isinstance(self.deadline_ms, Real) and self.deadline_ms > 0):
            raise ObjectiveError(f"deadline_ms: got {self.deadline_ms!r}, allowed is a time above 0")
        if self.min_quality is not None and not (isinstance(self.min_quality, Real) and 0 <= self.min_quality <= 1):
            raise ObjectiveError(f"min_quality: got {self.min_quality!r}, allowed is a fraction from 0 to 1")


NO_LIMITS = Limits()
_HOPELESS = Limits(deadline_ms=1e-9)


@dataclass(frozen=True)
class PlacedPlan:
    """A plan, and where its variants run.

    Attributes:
        policy: whose plan it is.
        plan: decides.
        processors: (n_variants,), the cheapest of each variant now.
        expected_ms: (n_variants,), what each takes there.
        costs: for which that is so.
        note: which limit cannot be met; empty when all can.
        choices: (n_choices,) pairs of variant and processor that `costs` are of.
        quality: of every variant, on the samples that the bundle was built with.
    """

    policy: Policy
    plan: PolicyPlan
    processors: tuple[str, ...]
    expected_ms: list[float]
    costs: ChoiceCosts
    note: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    quality: Mapping[str, float] = field(default_factory=dict)


class _Plans:
    """Plans for the same limits, found again by the costs that they were made for."""

    def __init__(self, size: int, most: int) -> None:
        self._logs = np.empty((0, size))
        self._planned: list[PlacedPlan] = []
        self._most = most

    def near(self, logs: NDArray[np.float64]) -> PlacedPlan | None:
        """Return the plan made for the nearest costs (logarithms), if these are near enough."""
        if not self._planned:
            return None
        distances = np.abs(self._logs - logs).max(axis=1)
        nearest = int(distances.argmin())
        return self._planned[nearest] if distances[nearest] <= _SAME_COST else None

    def keep(self, logs: NDArray[np.float64], planned: PlacedPlan) -> None:
        """Keep a plan; the oldest one goes when there are many."""
        self._logs = np.concatenate((self._logs[-self._most + 1 :], logs[None]))
        self._planned = [*self._planned[-self._most + 1 :], planned]


class Planner:
    """Plans a policy for the present costs and limits; plans are kept and found again.

    Args:
        bundle: qualities and penalty.
        live: costs of the choices that are available here.
        policy: what to cost.
    """

    def __init__(self, bundle: Bundle, live: LiveCosts, policy: Policy) -> None:
        self._bundle = bundle
        self._live = live
        self._policy = policy
        self._variants = tuple(dict.fromkeys(variant for variant, _ in live.model.choices))
        self._plans: OrderedDict[tuple[Limits, frozenset[str] | None, tuple[str, ...]], _Plans] = OrderedDict()
        self._most = _KEPT_PLANS * max(1, len(live.model.sizes))
        self._last: tuple[ChoiceCosts, Limits, frozenset[str] | None, PlacedPlan] | None = None

    def plan(
        self,
        costs: ChoiceCosts,
        limits: Limits,
        allowed: frozenset[str] | None = None,
        pause: Callable[[], None] | None = None,
    ) -> PlacedPlan:
        """Return the plan for these costs, the limits of a call, and the variants that may run (None: all).

        Where a plan has to be made, `pause` is called between its steps, of a fraction of a millisecond each.

        Raises:
            ProcessorError: nothing that may run is left.
        """
        last = self._last
        if limits.minimize not in (None, self._bundle.objective.minimize):
            raise ObjectiveError(
                f"minimize: got {limits.minimize!r}, allowed is {self._bundle.objective.minimize!r}, what this bundle "
                "was trained for: build another one"
            )
        if last is not None and last[0] is costs and last[1] is limits and last[2] is allowed:
            return last[3]
        planned = self._find(costs, limits, allowed, pause)
        self._last = costs, limits, allowed, planned
        return planned

    def prepare(self) -> None:
        """Plan for the measured states, between them, and the measured sizes, so that few calls have to."""
        states = self._live.model.states
        for size in self._live.model.sizes.tolist() or (None,):
            for where in (*states, *(states[1:] + states[:-1]) / 2):
                self.plan(self._live.at(where, size), NO_LIMITS)

    def fallbacks(self) -> list[tuple[str, str]]:
        """Return what answers where no deadline can be met: (variant, processor), in some measured state and size."""
        states, sizes = self._live.model.states, self._live.model.sizes.tolist() or (None,)
        plans = [self._fastest(self._live.at(where, size), _HOPELESS, None) for where in states for size in sizes]
        return list(dict.fromkeys((one.policy.variants[0], one.processors[0]) for one in plans))

    def _find(
        self, costs: ChoiceCosts, limits: Limits, allowed: frozenset[str] | None, pause: Callable[[], None] | None
    ) -> PlacedPlan:
        names = self._policy.variants
        mean, p95, _ = self._best(names, costs)
        if limits != NO_LIMITS or allowed is not None or not np.isfinite(mean).any():
            # then others may have to answer
            names = self._names(allowed)
            mean, p95, _ = self._best(names, costs)
        logs = np.log(np.minimum(np.concatenate((mean, p95)), _BARRED_MS))
        kept = self._plans.get((limits, allowed, names))
        if kept is None:
            kept = self._plans[limits, allowed, names] = _Plans(len(logs), self._most)
            if len(self._plans) > _KEPT_LIMITS:
                self._plans.popitem(last=False)
        else:
            self._plans.move_to_end((limits, allowed, names))
        planned = kept.near(logs)
        if planned is not None:
            return self._moved(planned, costs)
        if not np.isfinite(mean).any():
            raise ProcessorError("every processor that could run this input failed just now: try again later")
        planned = self._make(costs, limits, allowed, pause)
        kept.keep(logs, planned)
        return planned

    def _moved(self, planned: PlacedPlan, costs: ChoiceCosts) -> PlacedPlan:
        names = planned.policy.variants
        _, _, processors = self._best(names, costs, planned.policy.processor)
        expected = self._expected(names, processors, costs)
        return replace(planned, processors=processors, expected_ms=expected, costs=costs)

    def _best(
        self, names: Sequence[str], costs: ChoiceCosts, processor: str | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[str, ...]]:
        """Return cost and 95th percentile of variants where they are cheapest, and where; see `CostModel.cheapest`."""
        cost = self._live.model.cost_of(costs.latency_ms)
        found = self._live.model.best(names, cost, costs.p95_ms, processor, _WORTH_CHANGING, costs.size)
        if processor is None or np.isfinite(found[0]).all():
            return found
        return self._live.model.best(names, cost, costs.p95_ms, None, _WORTH_CHANGING, costs.size)

    def _expected(self, names: Sequence[str], processors: Sequence[str], costs: ChoiceCosts) -> list[float]:
        """Return the mean latency (ms) of each variant on its processor."""
        numbers = [self._live.number(choice) for choice in zip(names, processors, strict=True)]
        expected: list[float] = costs.latency_ms[numbers].tolist()
        return expected

    def _make(
        self, costs: ChoiceCosts, limits: Limits, allowed: frozenset[str] | None, pause: Callable[[], None] | None
    ) -> PlacedPlan:
        policy = self._policy
        if allowed is not None and not allowed & set(policy.variants):
            policy = FixedPolicy(max(allowed, key=lambda name: self._bundle.quality[name]))
        means, p95, processors = self._best(policy.variants, costs, policy.processor)
        expected = self._expected(policy.variants, processors, costs)
        if allowed is not None:
            means[[name not in allowed for name in policy.variants]] = np.inf
        if not np.isfinite(means).any():
            return self._fastest(costs, limits, allowed)
        deadline = limits.deadline_ms if limits.deadline_ms is not None else np.inf
        try:
            plan, reached = policy.plan_for_quality(means, p95, deadline, limits.min_quality, pause)
        except ValueError:
            return self._fastest(costs, limits, allowed)
        plan.prepare()
        if reached is None:
            reached = min(self._bundle.quality[name] for name in policy.variants)
        if limits.min_quality is None or reached >= limits.min_quality - _TOLERANCE:
            return self._placed(policy, plan, processors, expected, costs)
        single = self._single(costs, limits, allowed, reached)
        note = f"no choice reaches min_quality={limits.min_quality:g}: the most accurate plan answered"
        return single or self._placed(policy, plan, processors, expected, costs, note)

    def _fastest(self, costs: ChoiceCosts, limits: Limits, allowed: frozenset[str] | None) -> PlacedPlan:
        names = self._names(allowed)
        # the thriftiest processor need not be the fastest
        _, p95, processors = self._live.model.best(names, costs.latency_ms, costs.p95_ms)
        name = names[int(np.argmin(p95))]
        # where latency is what is minimised they are the same, also later on
        processor = None if self._live.model.power_w is None else processors[int(np.argmin(p95))]
        if limits.deadline_ms is not None and p95.min() > limits.deadline_ms:
            note = f"no choice meets deadline_ms={limits.deadline_ms:g}: the fastest one answered"
            return self._fixed(name, costs, note, processor)
        single = self._single(costs, limits, allowed, -1.0) if limits.min_quality is not None else None
        return single or self._fixed(name, costs, "", processor)

    def _single(
        self, costs: ChoiceCosts, limits: Limits, allowed: frozenset[str] | None, reached: float
    ) -> PlacedPlan | None:
        """Return a single variant that reaches the quality, or at least comes nearer than the policy does."""
        names = self._names(allowed)
        mean, p95, _ = self._best(names, costs)
        deadline = limits.deadline_ms if limits.deadline_ms is not None else np.inf
        quality = np.array([self._bundle.quality[name] for name in names])
        assert limits.min_quality is not None
        good = (quality >= limits.min_quality) & (p95 <= deadline)
        if good.any():
            return self._fixed(names[int(np.argmin(np.where(good, mean, np.inf)))], costs, "")
        in_time = np.where(p95 <= deadline, quality, -1.0)
        if in_time.max() <= reached:
            return None
        note = f"no choice reaches min_quality={limits.min_quality:g}: the most accurate one answered"
        return self._fixed(names[int(np.argmax(in_time))], costs, note)

    def _fixed(self, name: str, costs: ChoiceCosts, note: str, processor: str | None = None) -> PlacedPlan:
        policy = FixedPolicy(name, processor)
        cost, p95, processors = self._best(policy.variants, costs, processor)
        expected = self._expected(policy.variants, processors, costs)
        return self._placed(policy, policy.plan(cost, p95, np.inf), processors, expected, costs, note)

    # many parameters: those of what it returns
    def _placed(
        self,
        policy: Policy,
        plan: PolicyPlan,
        processors: tuple[str, ...],
        expected_ms: list[float],
        costs: ChoiceCosts,
        note: str = "",
    ) -> PlacedPlan:
        choices, quality = self._live.model.choices, self._bundle.quality
        return PlacedPlan(policy, plan, processors, expected_ms, costs, note, choices, quality)

    def _names(self, allowed: frozenset[str] | None) -> tuple[str, ...]:
        return tuple(name for name in self._variants if allowed is None or name in allowed)
