import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compsel.errors import ObjectiveError
from compsel.selection.cascade.out_of_distribution import OutOfDistributionDetector
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.objective import Objective
from compsel.selection.policies import STOP, policy_from_dict
from compsel.selection.training.trainers import CascadeTrainer
from tests.selection.simulated import simulated_dataset

MIXING = np.random.default_rng(9).normal(size=(6, 6))


def inputs(n, seed):
    generator = np.random.default_rng(seed)
    return (np.exp(0.5 * generator.normal(size=(n, 6))) @ MIXING).astype(np.float32)


def fitted(level=0.05, n=400, seed=0):
    return OutOfDistributionDetector.fit("image", inputs(n, seed), level, np.arange(n) % 10)


@pytest.mark.parametrize("level", [0.02, 0.1])
def test_false_alarms_come_at_the_level(level):
    alarms = [fitted(level, seed=seed).doubts(inputs(400, 1000 + seed)).mean() for seed in range(10)]
    assert np.mean(alarms) == pytest.approx(level, rel=0.35)


def test_strange_inputs_are_doubted_and_unknown_ones_are_not():
    test = fitted()
    assert test.doubts(inputs(50, 1) + np.float32(30.0)).all()
    assert test.doubts(np.full(6, 1e30, np.float32))
    assert not test.doubts(np.full(6, np.nan, np.float32))


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_p_values_are_shares_and_the_same_for_one_as_among_many(seed):
    test, table = fitted(), inputs(20, seed)
    found = test.p_value(table)
    assert ((found > 0) & (found <= 1)).all()
    np.testing.assert_array_equal(found, [test.p_value(row) for row in table])


def test_a_feature_that_never_changes_does_no_harm():
    table = np.hstack([inputs(300, 0), np.full((300, 1), 4.0, np.float32)])
    assert OutOfDistributionDetector.fit("image", table, 0.05, np.arange(300) % 5).doubts(table).mean() < 0.1


@pytest.mark.parametrize("level", [0.0, 0.001, 1.0])
def test_levels_that_so_few_samples_cannot_tell_are_refused(level):
    with pytest.raises(ObjectiveError, match="credibility: got a level"):
        fitted(level, n=100)


@pytest.mark.parametrize(
    "change",
    [
        {"spread": [0.0] * 6},
        {"centre": [0.0]},
        {"distances": [2.0, 1.0]},
        {"level": 1.5},
        {"root": [[float("nan")] * 6] * 6},
    ],
)
def test_a_damaged_test_is_refused(change):
    with pytest.raises(ValueError, match="credibility: got"):
        OutOfDistributionDetector.from_dict({**fitted().to_dict(), **change})


DATASET = simulated_dataset(400)
STRANGE = np.full((1, 3), 50.0, np.float32)


def guarded():
    trainer = CascadeTrainer(features=False, reject_option=RejectOption(credibility=0.02))
    return trainer.fit(DATASET, Objective(max_loss=None))


def test_inputs_that_are_not_credible_go_to_the_most_accurate_variant_alone():
    policy = policy_from_dict(json.loads(json.dumps(guarded().policy.to_dict())), {})
    assert policy.extractor == "image"
    costs = np.array([1.0, 6.0]) if policy.variants[0] == "m0/none" else np.array([6.0, 1.0])
    plan = policy.plan(costs, costs, np.inf)
    first = plan.first(STRANGE[0])
    assert policy.variants[first] == "m1/none"
    for row in range(20):
        evidence = [DATASET.evidence[1].take(np.array([row]))]
        assert plan.next([first], evidence, STRANGE[0])[0] == STOP
    usual = DATASET.features["image"]
    assert {policy.variants[plan.first(row)] for row in usual[:50]} >= {"m0/none"}
    # where there is no time for it, the policy chooses after all
    in_time = policy.plan(costs, costs, 2.0)
    assert policy.variants[in_time.first(STRANGE[0])] == "m0/none"


def test_outcomes_of_training_fall_back_too():
    strange = replace(DATASET, features={"image": np.repeat(STRANGE, 400, axis=0)})
    outcome = guarded().policy.outcome(strange)
    assert set(outcome.variants) == {"m1/none"}
    np.testing.assert_array_equal(outcome.quality, DATASET.quality[:, 1])
    np.testing.assert_allclose(outcome.latency_ms, DATASET.costs_ms[1] + 0.1)


def test_without_being_asked_for_there_is_no_test():
    policy = CascadeTrainer(features=False).fit(DATASET, Objective(max_loss=None)).policy
    assert policy.ood_fallback is None
    assert policy.extractor == ""
    assert policy.least_sure == 0.0


def test_an_answer_that_is_withheld_counts_as_wrong():
    objective = Objective(max_loss=None)
    plain = CascadeTrainer(features=False).fit(DATASET, objective).policy.outcome(DATASET)
    careful = (
        CascadeTrainer(features=False, reject_option=RejectOption(abstain_below=0.8))
        .fit(DATASET, objective)
        .policy.outcome(DATASET)
    )
    np.testing.assert_array_equal(plain.latency_ms, careful.latency_ms)
    assert 0.0 < careful.quality.mean() < plain.quality.mean()
    assert (careful.quality <= plain.quality).all()
