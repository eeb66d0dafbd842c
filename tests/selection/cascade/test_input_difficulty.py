import json
from dataclasses import replace

import numpy as np
import pytest

from compsel.selection.cascade.fitting import fit_cascade
from compsel.selection.cascade.input_difficulty import InputDifficulty
from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.policies import STOP, CascadePolicy, policy_from_dict
from compsel.selection.training.trainers import CascadeTrainer
from tests.selection.simulated import simulated_dataset


def telling(dataset: SelectionDataset, noise: float = 0.3, seed: int = 0) -> SelectionDataset:
    """Return the dataset with one feature that tells whether the cheap variant is right, and one that tells nothing."""
    generator = np.random.default_rng(seed)
    right = dataset.quality[:, 0]
    told = right + generator.normal(0.0, noise, len(right))
    table = np.stack([told, generator.normal(size=len(right))], axis=1).astype(np.float32)
    return replace(dataset, features={"image": table}, features_ms={"image": 0.05})


DATASET = telling(simulated_dataset(600, seed=1))
OBJECTIVE = Objective(max_loss=None)


def split(dataset):
    return dataset.take(np.arange(0, 600, 2)), dataset.take(np.arange(1, 600, 2))


def cost_of(dataset, **options):
    training, test = split(dataset)
    fitted = CascadeTrainer(**options).fit(training, OBJECTIVE)
    return fitted, fitted.policy.outcome(test).cost(10 * dataset.costs_ms[1]).mean()


def test_features_are_used_where_they_pay_and_make_it_cheaper():
    fitted, cost = cost_of(DATASET)
    assert fitted.policy.extractor == "image"
    assert cost < 0.95 * cost_of(DATASET, features=False)[1]


def test_inputs_that_look_hard_go_straight_to_the_better_variant():
    policy = cost_of(DATASET)[0].policy
    plan = policy.plan(DATASET.costs_ms[[DATASET.names.index(name) for name in policy.variants]], np.ones(2), np.inf)
    hard, easy = np.array([-0.5, 0], np.float32), np.array([1.5, 0], np.float32)
    assert policy.variants[plan.first(hard)] == "m1/none"
    assert policy.variants[plan.first(easy)] == "m0/none"


@pytest.mark.parametrize(
    "dataset",
    [
        simulated_dataset(300),  # the features are noise
        replace(DATASET, features_ms={"image": 1e3}),  # they tell, but cost more than they save
        replace(DATASET, features={}),
    ],
)
def test_features_that_do_not_pay_are_not_computed_at_all(dataset):
    policy = CascadeTrainer().fit(dataset, OBJECTIVE).policy
    assert policy.extractor == ""
    assert policy.policy.difficulty is None


def test_the_price_of_features_is_paid():
    training, test = split(DATASET)
    fitted = CascadeTrainer(features=True).fit(training, OBJECTIVE)
    dearer = replace(test, features_ms={"image": 7.05})
    np.testing.assert_allclose(fitted.policy.outcome(dearer).latency_ms, fitted.policy.outcome(test).latency_ms + 7.0)


def test_the_app_decides_as_training_did_after_json_too():
    training, test = split(DATASET)
    fitted = CascadeTrainer(features=True).fit(training, OBJECTIVE)
    policy = policy_from_dict(json.loads(json.dumps(fitted.policy.to_dict())), {})
    assert isinstance(policy, CascadePolicy)
    columns = [test.names.index(name) for name in policy.variants]
    costs = test.costs_ms[columns]
    evidence, table = [test.evidence[column] for column in columns], test.features["image"].copy()
    table[:40, 0], table[20:60, 1] = np.nan, 1e6
    walk = policy.policy.walk(policy.policy.plan(costs, policy.penalty), evidence, table)
    plan = policy.plan(costs, costs, np.inf)
    for row in range(len(table)):
        ran, variant, sure = [], plan.first(table[row]), None
        while variant != STOP:
            ran.append(variant)
            variant, sure = plan.next(ran, [evidence[one].take(np.array([row])) for one in ran], table[row])
        assert sorted(ran) == np.flatnonzero(walk.ran[row]).tolist()
        assert sure == pytest.approx(walk.score[row], abs=1e-9)


def test_the_plan_forecasts_what_it_does():
    dataset = telling(simulated_dataset(2000, seed=3))
    policy = fit_cascade(
        dataset.names, dataset.evidence, dataset.targets, features=("image", dataset.features["image"])
    )
    plan = policy.plan(dataset.costs_ms, 40.0)
    walk = policy.walk(plan, dataset.evidence, dataset.features["image"])
    assert plan.expected_quality == pytest.approx((walk.classes == dataset.targets).mean(), abs=0.03)
    assert plan.expected_cost == pytest.approx((walk.ran @ dataset.costs_ms).mean(), rel=0.1)


def test_one_input_looks_as_easy_as_it_does_among_many():
    generator = np.random.default_rng(0)
    difficulty = InputDifficulty("image", *(generator.uniform(0.5, 2.0, (3, 20))), 0.3)
    table = generator.normal(size=(50, 20)).astype(np.float32)
    np.testing.assert_array_equal(difficulty.easy_log_odds(table), [difficulty.easy_log_odds(row) for row in table])


@pytest.mark.parametrize(
    "change", [{"spread": [0.0]}, {"centre": [1.0, 2.0]}, {"coefficients": [float("nan")]}, {"intercept": float("inf")}]
)
def test_a_damaged_easiness_is_refused(change):
    content = InputDifficulty("image", np.zeros(1), np.ones(1), np.ones(1), 0.0).to_dict()
    with pytest.raises(ValueError, match="easiness: got"):
        InputDifficulty.from_dict({**content, **change})
