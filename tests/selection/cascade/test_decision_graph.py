import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compsel.selection.cascade.fitting import fit_cascade
from compsel.selection.policies import STOP, CascadePolicy
from tests.selection.simulated import simulated_dataset

DATASET = simulated_dataset(400, skills=(4.0, 8.0, 14.0))
POLICY = fit_cascade(DATASET.names, DATASET.evidence, DATASET.targets)
COSTS = DATASET.costs_ms


def outcome(penalty, limit=np.inf, costs=COSTS):
    plan = POLICY.plan(costs, penalty, limit)
    walk = POLICY.walk(plan, DATASET.evidence)
    return plan, walk, (walk.classes == DATASET.targets).mean(), (walk.ran @ costs).mean()


def test_when_errors_cost_nothing_only_the_cheapest_runs():
    plan, walk, _, _ = outcome(1e-9)
    assert plan.first == 0
    assert walk.ran.tolist() == [[True, False, False]] * 400


def test_when_errors_cost_everything_it_is_at_least_as_good_as_the_best_variant():
    _, walk, quality, _ = outcome(1e9)
    assert quality >= DATASET.quality.mean(axis=0).max()
    assert walk.ran.sum(axis=1).max() > 1


def test_between_the_extremes_it_is_nearly_as_good_and_much_cheaper_than_the_best_variant():
    _, walk, quality, cost = outcome(300.0)
    assert quality >= DATASET.quality.mean(axis=0).max() - 0.01
    assert cost < 0.75 * COSTS[2]
    assert 1 < walk.ran.sum(axis=1).mean() < 2.5


def test_dearer_errors_buy_quality():
    qualities = [POLICY.plan(COSTS, penalty).expected_quality for penalty in np.geomspace(0.1, 1e4, 20)]
    assert np.all(np.diff(qualities) >= -1e-9)
    assert qualities[-1] > qualities[0] + 0.1


def test_the_forecast_agrees_with_what_happens():
    plan, _, quality, cost = outcome(100.0)
    assert plan.expected_quality == pytest.approx(quality, abs=0.03)
    assert plan.expected_cost == pytest.approx(cost, rel=0.1)


def test_dearer_computation_is_bought_less_often():
    _, idle, _, _ = outcome(100.0)
    _, loaded, _, _ = outcome(100.0, costs=COSTS * np.array([1.0, 5.0, 5.0]))
    assert loaded.ran.sum() < idle.ran.sum()


@settings(max_examples=40, deadline=None)
@given(st.floats(1.0, 60.0), st.floats(0.1, 1e5))
def test_no_path_is_longer_than_the_limit(limit, penalty):
    _, walk, _, _ = outcome(penalty, limit)
    assert (walk.ran @ COSTS).max() <= limit


def test_a_variant_that_must_not_run_does_not():
    costs = np.array([np.inf, 6.0, 36.0])
    plan = POLICY.plan(costs, 300.0)
    assert not POLICY.walk(plan, DATASET.evidence).ran[:, 0].any()
    assert 0 not in plan.reachable


def test_nothing_may_run():
    with pytest.raises(ValueError, match="no variant may run"):
        POLICY.plan(COSTS, 10.0, limit=0.5)


@pytest.mark.parametrize("prepared", [False, True])
@settings(max_examples=20, deadline=None)
@given(penalty=st.floats(1.0, 1e4))
def test_the_app_decides_as_training_did_on_every_sample(prepared, penalty):
    plan = POLICY.plan(COSTS, penalty)
    walk = POLICY.walk(plan, DATASET.evidence)
    plan = CascadePolicy(POLICY, penalty).plan(COSTS, COSTS, np.inf)
    if prepared:
        plan.prepare()
    for row in range(0, 400, 7):
        ran, variant, sure = [], plan.first(None), None
        while variant != STOP:
            ran.append(variant)
            variant, sure = plan.next(ran, [DATASET.evidence[one].take(np.array([row])) for one in ran])
        assert sorted(ran) == np.flatnonzero(walk.ran[row]).tolist()
        assert sure == pytest.approx(walk.score[row], rel=1e-12)


def test_probabilities_are_calibrated():
    for node in POLICY.nodes[1:]:
        classes, score = node.score([DATASET.evidence[member] for member in node.members])
        assert score.mean() == pytest.approx((classes == DATASET.targets).mean(), abs=0.01)


def test_the_same_samples_give_the_same_policy():
    again = fit_cascade(DATASET.names, DATASET.evidence, DATASET.targets)
    assert CascadePolicy(again, 1.0).to_dict() == CascadePolicy(POLICY, 1.0).to_dict()


def test_a_classifier_that_is_always_right_can_be_learned():
    dataset = simulated_dataset(100, skills=(100.0, 100.0))
    policy = fit_cascade(dataset.names, dataset.evidence, dataset.targets)
    walk = policy.walk(policy.plan(dataset.costs_ms, 50.0), dataset.evidence)
    assert walk.ran[:, 0].all()
    # what other models have taught of such margins counts where there was no wrong answer to learn from
    unsure = dataset.evidence[0].probabilities[:, 0] < 0.5
    assert unsure.mean() < 0.1
    assert not walk.ran[~unsure, 1].any()


@pytest.mark.parametrize("penalty", [1e-9, 30.0, 300.0, 3000.0])
def test_from_where_on_an_answer_is_sure_enough(penalty):
    plan = CascadePolicy(POLICY, penalty).plan(COSTS, COSTS, np.inf)
    threshold = plan.stops_from([0])
    decisions = [plan.next([0], [DATASET.evidence[0].take(np.array([row]))]) for row in range(0, 400, 3)]
    going_on = [sure for action, sure in decisions if action != STOP]
    assert all(action == STOP for action, sure in decisions if sure >= threshold)
    assert all(sure < threshold for sure in going_on)
    assert bool(going_on) == (threshold > 0)
    assert plan.stops_from([2, 1, 0]) == 0.0  # nothing is left to ask
