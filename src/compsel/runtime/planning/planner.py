"""Plans for the device's present state and the limits of a call, kept as long as they hold."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from compsel.bundle.bundle import Bundle
from compsel.errors import ObjectiveError, ProcessorError
from compsel.runtime.adaptation.live_costs import ChoiceCosts, LiveCosts
from compsel.runtime.planning.near_plans import NearPlans
from compsel.runtime.planning.placed_plan import NO_LIMITS, Limits, PlacedPlan
from compsel.selection.policies import FixedPolicy, Policy, PolicyPlan

if TYPE_CHECKING:
    from compsel.runtime.planning.deadline_table import DeadlineTable

__all__ = ["NO_LIMITS", "Limits", "PlacedPlan", "Planner"]

_WORTH_CHANGING = 1.15  # about the error of a latency in a state that was not measured: less is no reason to move
_KEPT_PLANS, _KEPT_LIMITS, _KEPT_COSTS = 32, 256, 64
_BARRED_MS = 1e12
_MISSED = "no choice meets deadline_ms="
_HOPELESS = Limits(deadline_ms=1e-9)
_TOLERANCE = 1e-4  # of a quality: costs measured again move it by as much


# a quality, what to minimise, and the variants that may run
_Asked = tuple[float | None, str | None, frozenset[str] | None]
# limits without a deadline, which borders it reaches, the variants that may run, and those that are compared
_Key = tuple[Limits, bytes, frozenset[str] | None, tuple[str, ...]]


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
        self._plans: OrderedDict[tuple[Limits, bytes, frozenset[str] | None, tuple[str, ...]], NearPlans] = (
            OrderedDict()
        )
        # by the costs (which are held, so that no others take their place) and whatever is asked for but a deadline
        self._tables: OrderedDict[tuple[int, _Asked], tuple[ChoiceCosts, DeadlineTable]] = OrderedDict()
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
        if limits == NO_LIMITS:
            planned = self._find(costs, limits, b"", allowed, pause)
            self._last = costs, limits, allowed, planned
            return planned
        found = self.standing(costs, limits, allowed)
        if found is None:
            table = self._table(costs, limits, allowed)
            found = self._find(costs, limits, table.pattern(limits.deadline_ms), allowed, pause)
            table.keep(limits.deadline_ms, found)
        return _of_deadline(found, limits)

    def standing(self, costs: ChoiceCosts, limits: Limits, allowed: frozenset[str] | None) -> PlacedPlan | None:
        """Return the plan for limits that was made at these very costs; None: none was. Any thread may ask."""
        held = self._tables.get((id(costs), (limits.min_quality, limits.minimize, allowed)))
        found = None if held is None else held[1].find(limits.deadline_ms)
        return None if found is None else _of_deadline(found, limits)

    def prepare(self) -> Iterator[None]:
        """Plan for the measured states, between them, and the measured sizes, so that few calls have to: one a step."""
        states = self._live.model.states
        for size in self._live.model.sizes.tolist() or (None,):
            for where in (*states, *(states[1:] + states[:-1]) / 2):
                self.plan(self._live.at(where, size), NO_LIMITS)
                yield

    def fallbacks(self, now: ChoiceCosts | None = None) -> list[tuple[str, str]]:
        """Return what answers where no deadline can be met: (variant, processor), now or in any measured state."""
        states, sizes = self._live.model.states, self._live.model.sizes.tolist() or (None,)
        known = [now] if now is not None else [self._live.at(where, size) for where in states for size in sizes]
        plans = [self._fastest(costs, _HOPELESS, None) for costs in known]
        return list(dict.fromkeys((one.policy.variants[0], one.processors[0]) for one in plans))

    def _table(self, costs: ChoiceCosts, limits: Limits, allowed: frozenset[str] | None) -> "DeadlineTable":
        """Return the plans by the deadline at these costs."""
        key = id(costs), (limits.min_quality, limits.minimize, allowed)
        held = self._tables.get(key)
        if held is None:
            from compsel.runtime.planning.deadline_table import DeadlineTable  # of calls with a deadline

            held = self._tables[key] = costs, DeadlineTable(self._borders(costs, limits, allowed))
            if len(self._tables) > _KEPT_COSTS:
                self._tables.popitem(last=False)
        return held[1]

    def _borders(self, costs: ChoiceCosts, limits: Limits, allowed: frozenset[str] | None) -> list[float]:
        """Return all that `_make` compares a deadline with."""
        policy = self._policy_of(allowed)
        _, p95, _ = self._best(policy.variants, costs, policy.processor)
        names = self._names(allowed)
        _, fastest, _ = self._live.model.best(names, costs.latency_ms, costs.p95_ms)
        borders = [*policy.limits(p95), float(fastest.min())]
        if limits.min_quality is not None:
            borders += self._best(names, costs)[1].tolist()
        return borders

    def _policy_of(self, allowed: frozenset[str] | None) -> Policy:
        if allowed is None or allowed & set(self._policy.variants):
            return self._policy
        return FixedPolicy(max(allowed, key=lambda name: self._bundle.quality[name]))

    # many parameters: those of `plan`, and the pattern of the deadline
    def _find(
        self,
        costs: ChoiceCosts,
        limits: Limits,
        pattern: bytes,
        allowed: frozenset[str] | None,
        pause: Callable[[], None] | None,
    ) -> PlacedPlan:
        names = self._policy.variants
        mean, p95, _ = self._best(names, costs)
        if limits != NO_LIMITS or allowed is not None or not np.isfinite(mean).any():
            # then others may have to answer
            names = self._names(allowed)
            mean, p95, _ = self._best(names, costs)
        logs = np.log(np.minimum(np.concatenate((mean, p95)), _BARRED_MS))
        key = replace(limits, deadline_ms=None), pattern, allowed, names
        kept = self._plans.get(key)
        if kept is None:
            kept = self._plans[key] = NearPlans(len(logs), self._most)
            if len(self._plans) > _KEPT_LIMITS:
                self._plans.popitem(last=False)
        else:
            self._plans.move_to_end(key)
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
        policy = self._policy_of(allowed)
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
            return self._fixed(name, costs, _missed(limits), processor)
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


def _missed(limits: Limits) -> str:
    return f"{_MISSED}{limits.deadline_ms:g}: the fastest one answered"


def _of_deadline(planned: PlacedPlan, limits: Limits) -> PlacedPlan:
    """Return a plan that was made for another deadline, which may be named in its note."""
    if not planned.note.startswith(_MISSED) or planned.note == _missed(limits):
        return planned
    return replace(planned, note=_missed(limits))
