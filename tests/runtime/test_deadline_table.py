"""A plan for any deadline is the one that would be made for it; few plans stand for all deadlines."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compsel.profiling.profile import Profile
from compsel.runtime import Runtime
from compsel.runtime.planning.planner import Limits, PlacedPlan, Planner
from compsel.selection.policies import CascadePolicy, Policy
from compsel.selection.policies.certified import CertifiedPolicy
from tests.cascade_bundle import INT8, LATENCY_MS, LOWER, NONE, cascade_policy

POLICIES = ("adaptive", "most_accurate", "fastest", "premodel", "promising", "certified")


def policy_of(name: str, runtime: Runtime, profile: Profile) -> Policy:
    cascade = cascade_policy(profile).policy
    idle = np.array([one for one, _ in LATENCY_MS.values()])
    if name == "promising":
        return CascadePolicy(cascade, 40.0, cascade.plan(idle, 200.0).expected_quality)
    return CertifiedPolicy(cascade, 40.0, idle) if name == "certified" else runtime.bundle.policies[name]


def decided(planned: PlacedPlan) -> Any:
    """All that a plan decides by, and all that is said of it."""
    plan = planned.plan
    known = [planned.policy.kind, planned.policy.variants, planned.processors, planned.expected_ms, planned.note]
    if not isinstance(planned.policy, CascadePolicy):
        return [*known, {name: np.asarray(value).tolist() for name, value in vars(plan).items() if name != "selector"}]
    costed = plan.plan
    going_on = {node: {v: c.tolist() for v, c in costs.items()} for node, costs in costed.going_on.items()}
    return [*known, costed.first, costed.penalty, costed.expected_quality, sorted(costed.reachable), going_on]


@pytest.mark.parametrize("name", POLICIES)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), load=st.sampled_from([0.0, 1.0]))
def test_any_deadline_has_the_plan_that_is_made_for_it(
    runtime: Runtime, profile: Profile, name: str, data: st.DataObject, load: float
) -> None:
    policy = policy_of(name, runtime, profile)
    live = runtime._observations.live
    planner, costs = Planner(runtime.bundle, live, policy), live.at(load)
    quality = data.draw(st.sampled_from([None, None, 0.5, 0.99]))
    allowed = data.draw(st.sampled_from([None, frozenset({NONE, INT8}), frozenset({LOWER})]))
    borders = planner._borders(costs, Limits(1.0, quality), allowed)
    near = st.sampled_from([np.nextafter(border, to) for border in borders for to in (0.0, border, np.inf)])
    for deadline_ms in data.draw(st.lists(st.floats(0.01, 100.0) | near, min_size=4, max_size=8)):
        limits = Limits(float(deadline_ms), quality)
        fresh = Planner(runtime.bundle, live, policy).plan(costs, limits, allowed)
        assert decided(planner.plan(costs, limits, allowed)) == decided(fresh)
        standing = planner.standing(costs, limits, allowed)
        assert standing is not None
        assert decided(standing) == decided(fresh)


def test_few_plans_stand_for_all_deadlines(runtime: Runtime, profile: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    planner = runtime.with_policy(policy_of("promising", runtime, profile))._planner
    costs, made = runtime._observations.live.at(0.0), []
    make = Planner._make

    def counted(*arguments: Any) -> PlacedPlan:
        made.append(arguments)
        return make(*arguments)

    monkeypatch.setattr(Planner, "_make", counted)
    for deadline_ms in np.linspace(0.1, 60.0, 300):
        planner.plan(costs, Limits(float(deadline_ms)))
    assert len(made) <= len(set(planner._borders(costs, Limits(1.0), None))) + 1 < 30
    many = len(made)
    for deadline_ms in np.linspace(0.1, 60.0, 50):  # at costs that are hardly others, plans are found again
        planner.plan(runtime._observations.live.at(0.01), Limits(float(deadline_ms)))
    assert len(made) == many
