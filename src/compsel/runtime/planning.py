"""Plans for the device's present state and the limits of a call, kept as long as they hold."""

from collections import OrderedDict
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ObjectiveError
from compsel.runtime.bundle import Bundle
from compsel.selection.costs import CostModel
from compsel.selection.policies import FixedPolicy, Policy, PricedPolicy, Stages, Stagewise

__all__ = ["Limits", "PlannedPolicy", "Planner"]

# loads nearer than this share a plan: the cost model knows them no better
_LOAD_STEP = 0.25
_KEPT_PLANS = 64
_BISECTIONS = 14
_TOLERANCE = 1e-4  # of a quality: prices measured again move it by as much
_DEAREST = 1e6  # penalty, in multiples of the dearest variant's price, beyond which nothing changes


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
        if self.minimize not in (None, "latency"):
            raise ObjectiveError(
                f"minimize: got {self.minimize!r}, allowed is 'latency': nothing else was measured for this bundle"
            )


@dataclass(frozen=True)
class PlannedPolicy:
    """A policy that is priced, and where its variants run.

    Attributes:
        policy: what was priced.
        priced: decides.
        processors: (n_variants,), the fastest of each variant now.
        expected_ms: (n_variants,), what each takes there.
        note: which limit cannot be met; empty when all can.
    """

    policy: Policy
    priced: PricedPolicy
    processors: tuple[str, ...]
    expected_ms: NDArray[np.float64]
    note: str = ""


class Planner:
    """Prices a policy for states and limits; plans are kept and found again.

    Args:
        bundle: costs, qualities and penalty.
        costs: of the choices that are available here.
        policy: what to price.
    """

    def __init__(self, bundle: Bundle, costs: CostModel, policy: Policy) -> None:
        self._bundle = bundle
        self._costs = costs
        self._policy = policy
        self._plans: OrderedDict[tuple[int, Limits, frozenset[str] | None], PlannedPolicy] = OrderedDict()

    def plan(self, load: float, limits: Limits, allowed: frozenset[str] | None = None) -> PlannedPolicy:
        """Return the plan for a load by others, the limits of a call, and the variants that may run (None: all)."""
        step = round(min(max(load, float(self._costs.loads[0])), float(self._costs.loads[-1])) / _LOAD_STEP)
        key = (step, limits, allowed)
        planned = self._plans.get(key)
        if planned is None:
            planned = self._plans[key] = self._make(step * _LOAD_STEP, limits, allowed)
            if len(self._plans) > _KEPT_PLANS:
                self._plans.popitem(last=False)
        return planned

    def prepare(self) -> None:
        """Plan for every load now, so that no call has to: outside the measured loads costs do not change."""
        first, last = (float(load) for load in (self._costs.loads[0], self._costs.loads[-1]))
        for step in range(round(first / _LOAD_STEP), round(last / _LOAD_STEP) + 1):
            self.plan(step * _LOAD_STEP, Limits())

    def _make(self, load: float, limits: Limits, allowed: frozenset[str] | None) -> PlannedPolicy:
        policy = self._policy
        if allowed is not None and not allowed & set(policy.variants):
            policy = FixedPolicy(max(allowed, key=lambda name: self._bundle.quality[name]))
        mean, p95, processors = self._costs.prices(policy.variants, load, policy.processor)
        prices = mean.copy()
        if allowed is not None:
            prices[[name not in allowed for name in policy.variants]] = np.inf
        deadline = limits.deadline_ms if limits.deadline_ms is not None else np.inf
        try:
            if isinstance(policy, Stagewise):
                priced: PricedPolicy
                priced, reached = _staged(policy, prices, p95, deadline, limits.min_quality)
            else:
                priced = policy.plan(prices, p95, deadline)
                reached = min(self._bundle.quality[name] for name in policy.variants)
        except ValueError:
            return self._fastest(load, limits, allowed)
        if limits.min_quality is None or reached >= limits.min_quality - _TOLERANCE:
            return PlannedPolicy(policy, priced, processors, mean)
        single = self._single(load, limits, allowed, reached)
        note = f"no choice reaches min_quality={limits.min_quality:g}: the most accurate plan answered"
        return single or PlannedPolicy(policy, priced, processors, mean, note)

    def _fastest(self, load: float, limits: Limits, allowed: frozenset[str] | None) -> PlannedPolicy:
        names = self._names(allowed)
        _, p95, _ = self._costs.prices(names, load)
        name = names[int(np.argmin(p95))]
        if limits.deadline_ms is not None and p95.min() > limits.deadline_ms:
            note = f"no choice meets deadline_ms={limits.deadline_ms:g}: the fastest one answered"
            return self._fixed(name, load, note)
        single = self._single(load, limits, allowed, -1.0) if limits.min_quality is not None else None
        return single or self._fixed(name, load, "")

    def _single(
        self, load: float, limits: Limits, allowed: frozenset[str] | None, reached: float
    ) -> PlannedPolicy | None:
        """Return a single variant that reaches the quality, or at least comes nearer than the policy does."""
        names = self._names(allowed)
        mean, p95, _ = self._costs.prices(names, load)
        deadline = limits.deadline_ms if limits.deadline_ms is not None else np.inf
        quality = np.array([self._bundle.quality[name] for name in names])
        assert limits.min_quality is not None
        good = (quality >= limits.min_quality) & (p95 <= deadline)
        if good.any():
            return self._fixed(names[int(np.argmin(np.where(good, mean, np.inf)))], load, "")
        in_time = np.where(p95 <= deadline, quality, -1.0)
        if in_time.max() <= reached:
            return None
        note = f"no choice reaches min_quality={limits.min_quality:g}: the most accurate one answered"
        return self._fixed(names[int(np.argmax(in_time))], load, note)

    def _fixed(self, name: str, load: float, note: str) -> PlannedPolicy:
        policy = FixedPolicy(name)
        mean, p95, processors = self._costs.prices(policy.variants, load)
        return PlannedPolicy(policy, policy.plan(mean, p95, np.inf), processors, mean, note)

    def _names(self, allowed: frozenset[str] | None) -> tuple[str, ...]:
        measured = dict.fromkeys(variant for variant, _ in self._costs.choices)
        return tuple(name for name in measured if allowed is None or name in allowed)


def _staged(
    policy: Stagewise,
    prices: NDArray[np.float64],
    durations: NDArray[np.float64],
    deadline: float,
    min_quality: float | None,
) -> tuple[Stages, float]:
    """Return the cheapest plan that is expected to reach a quality, and that quality; by bisection on the penalty.

    The policy's own target only makes the penalty dearer (where load makes every computation dearer); a quality that
    a call asks for replaces it.
    """
    finite = prices[np.isfinite(prices)]
    wanted = policy.expected_quality if min_quality is None else min_quality
    cheapest = policy.penalty if min_quality is None else float(finite.min())
    plan = policy.plan_at(cheapest, prices, durations, deadline)
    if wanted is None or plan.plan.expected_quality >= wanted - _TOLERANCE:
        return plan, plan.plan.expected_quality
    low, high = np.log(cheapest), np.log(finite.max() * _DEAREST)
    best = policy.plan_at(float(np.exp(high)), prices, durations, deadline)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        plan = policy.plan_at(float(np.exp(middle)), prices, durations, deadline)
        if plan.plan.expected_quality >= wanted - _TOLERANCE:
            best, high = plan, middle
        else:
            low = middle
    return best, best.plan.expected_quality
