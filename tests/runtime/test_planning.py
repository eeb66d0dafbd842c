"""Deadlines and qualities: met where they can be, flagged where they cannot; the load of the device is in the plan."""

from collections.abc import Callable

import numpy as np
import pytest

from compsel.errors import ObjectiveError
from compsel.inputs.samples import ArraySamples
from compsel.profiling.profile import Profile
from compsel.runtime import Runtime
from compsel.runtime.adaptation.live_costs import ChoiceCosts
from compsel.runtime.planning.placed_plan import limits_of
from compsel.selection.policies import CascadePolicy, FixedPolicy
from tests.cascade_bundle import INT8, LATENCY_MS, LOWER, NONE, cascade_policy

AtLoad = Callable[[Runtime, float], None]
P95 = {name: 1.5 * idle for name, (idle, _) in LATENCY_MS.items()}


def costs_at(runtime: Runtime, load: float) -> ChoiceCosts:
    return runtime._observations.live.at(load)


@pytest.fixture
def idle(runtime: Runtime, at_load: AtLoad) -> Runtime:
    at_load(runtime, 0.0)
    return runtime


@pytest.mark.parametrize("policy", ["adaptive", "most_accurate", "best_static", "premodel"])
def test_impossible_deadline_is_flagged_the_fastest_answers(idle: Runtime, crops: ArraySamples, policy: str) -> None:
    one = idle.with_policy(idle.bundle.policies[policy])
    one.warm_up()
    answer = one(crops.value(0), deadline_ms=0.001)
    assert not answer.constraints_met
    assert answer.note == "no choice meets deadline_ms=0.001: the fastest one answered"
    assert answer.choice == f"{LOWER}@cpu:1"


@pytest.mark.parametrize("policy", ["adaptive", "most_accurate", "fastest", "best_static", "premodel"])
def test_generous_deadline_changes_nothing(idle: Runtime, crops: ArraySamples, policy: str) -> None:
    one = idle.with_policy(idle.bundle.policies[policy])
    for index in range(3):
        free, limited = one(crops.value(index)), one(crops.value(index), deadline_ms=1e6)
        assert limited.choice == free.choice
        assert limited.constraints_met
        assert limited.note == ""


@pytest.mark.parametrize("deadline_ms", [3.1, 6.1, 9.2, 13.6, 20.0, 23.0])
def test_what_may_run_under_a_deadline_fits_into_it(
    idle: Runtime, profile: Profile, crops: ArraySamples, deadline_ms: float
) -> None:
    """The 95th percentiles of all stages that ran add up to less than the deadline, however dear a wrong answer."""
    cascade = idle.with_policy(CascadePolicy(cascade_policy(profile).policy, 1e6))
    for index in range(6):
        answer = cascade(crops.value(index), deadline_ms=deadline_ms)
        assert answer.constraints_met
        assert sum(P95[stage.variant] for stage in answer.stages) <= deadline_ms


@pytest.mark.parametrize("policy", ["adaptive", "most_accurate", "fastest", "premodel"])
def test_quality_that_nothing_reaches_is_flagged(idle: Runtime, crops: ArraySamples, policy: str) -> None:
    answer = idle.with_policy(idle.bundle.policies[policy])(crops.value(0), min_quality=1.0)
    assert not answer.constraints_met
    assert answer.note.startswith("no choice reaches min_quality=1: the most accurate")


def test_quality_that_a_dearer_variant_reaches_moves_the_choice(idle: Runtime, crops: ArraySamples) -> None:
    quality = idle.bundle.quality
    assert quality[LOWER] < quality[NONE], "the variants of this test must differ"
    answer = idle.with_policy(FixedPolicy(LOWER))(crops.value(0), min_quality=quality[NONE])
    good = min((name for name in quality if quality[name] >= quality[NONE]), key=lambda name: LATENCY_MS[name][0])
    assert answer.choice == f"{good}@cpu:1"
    assert answer.constraints_met


def test_quality_and_deadline_together_are_flagged_when_they_exclude_each_other(
    idle: Runtime, crops: ArraySamples
) -> None:
    quality = idle.bundle.quality
    for policy in (FixedPolicy(NONE), FixedPolicy(LOWER), idle.bundle.policies["adaptive"]):
        answer = idle.with_policy(policy)(crops.value(0), deadline_ms=3.1, min_quality=quality[LOWER] + 0.05)
        assert answer.choice == f"{LOWER}@cpu:1"
        assert not answer.constraints_met
        assert "min_quality" in answer.note


def test_quality_within_a_deadline_is_kept_when_the_policy_is_too_slow(idle: Runtime, crops: ArraySamples) -> None:
    quality = idle.bundle.quality
    answer = idle.with_policy(FixedPolicy(NONE))(crops.value(0), deadline_ms=6.1, min_quality=quality[INT8])
    assert answer.choice in (f"{INT8}@cpu:1", f"{LOWER}@cpu:1")
    assert quality[answer.stages[0].variant] >= quality[INT8]
    assert answer.constraints_met


def test_quality_that_is_asked_for_is_what_the_plan_expects(idle: Runtime, profile: Profile) -> None:
    cascade = idle.with_policy(CascadePolicy(cascade_policy(profile).policy, 1e-3))
    spent, reached = [], []
    for quality in (0.5, 0.6, 0.7):
        planned = cascade._planner.plan(costs_at(cascade, 0.0), limits_of(None, quality, None))
        assert not planned.note
        plan = getattr(planned.plan, "plan", None)
        expected = plan.expected_quality if plan else cascade.bundle.quality[planned.policy.variants[0]]
        assert expected >= quality - 2e-4
        reached.append(expected)
        spent.append(plan.expected_cost if plan else float(planned.expected_ms[0]))
    assert spent == sorted(spent)


def test_load_makes_a_dear_plan_cheaper(runtime: Runtime, profile: Profile) -> None:
    """Without a target for the quality, the same penalty buys less computation when each computation is dearer."""
    cascade = runtime.with_policy(CascadePolicy(cascade_policy(profile).policy, 40.0))
    limits = limits_of(None, None, None)
    idle, busy = (cascade._planner.plan(costs_at(cascade, load), limits) for load in (0.0, 2.0))
    np.testing.assert_allclose(idle.expected_ms, [one for one, _ in LATENCY_MS.values()], rtol=0.01)
    np.testing.assert_allclose(busy.expected_ms, [two for _, two in LATENCY_MS.values()], rtol=0.01)
    assert busy.plan.plan.expected_quality <= idle.plan.plan.expected_quality


def test_load_does_not_lower_the_quality_that_a_policy_promises(runtime: Runtime, profile: Profile) -> None:
    policy = cascade_policy(profile).policy
    costs = np.array([idle for idle, _ in LATENCY_MS.values()])
    promised = policy.plan(costs, 40.0).expected_quality
    cascade = runtime.with_policy(CascadePolicy(policy, 40.0, promised))
    for load in (0.0, 1.0, 2.0, 50.0):
        planned = cascade._planner.plan(cascade._observations.live.at(load), limits_of(None, None, None))
        assert planned.plan.plan.expected_quality >= promised - 2e-4


def test_plans_are_kept_and_their_number_is_bounded(runtime: Runtime) -> None:
    planner = runtime.with_policy(FixedPolicy(NONE))._planner
    limits = [limits_of(1000.0 + number, None, None) for number in range(200)]
    idle, hardly_busy = costs_at(runtime, 0.0), costs_at(runtime, 0.01)
    assert planner.plan(idle, limits[0]).plan is planner.plan(hardly_busy, limits[0]).plan
    for one in limits:
        planner.plan(idle, one)
    assert len(planner._plans) == 1, "all of these deadlines allow everything"


@pytest.mark.parametrize(
    "limits",
    [
        {"deadline_ms": 0},
        {"deadline_ms": -5},
        {"deadline_ms": float("nan")},
        {"min_quality": -0.1},
        {"min_quality": 1.1},
        {"min_quality": float("nan")},
        {"minimize": "energy"},
        {"minimize": "beauty"},
        {"minimize": ""},
        {"deadline_ms": "20"},
        {"min_quality": "high"},
    ],
)
def test_limits_that_are_not_allowed_are_refused(
    runtime: Runtime, crops: ArraySamples, limits: dict[str, object]
) -> None:
    with pytest.raises(ObjectiveError, match="allowed is"):
        runtime(crops.value(0), **limits)


def test_latency_may_be_asked_for_by_name(runtime: Runtime, crops: ArraySamples) -> None:
    assert runtime(crops.value(0), minimize="latency").constraints_met
