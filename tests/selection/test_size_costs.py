"""What policies are judged by where costs depend on the size of the input: the cost of each sample's own size."""

from dataclasses import replace

import numpy as np
import pytest

from compsel.selection.cascade.fitting import fit_cascade
from compsel.selection.costs.model import CostModel
from compsel.selection.costs.sizes import SizeTables, bucket_of, size_of
from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.policies import CascadePolicy, FixedPolicy
from compsel.selection.size_costs import SizeCosts
from compsel.selection.training.comparison import train
from compsel.selection.training.trainers import SingleBestTrainer
from tests.selection.simulated import simulated_dataset

NAMES = ("m0/none", "m1/none")
# the cheap one takes as long whatever the size, the dear one in proportion
TABLE = np.array([[[1.0, 2.0]], [[1.0, 20.0]]])
COSTS = CostModel(
    tuple((name, "cpu:1") for name in NAMES),
    np.zeros((1, 1)),
    TABLE[0],
    TABLE[0],
    by_size=SizeTables(np.array([10.0, 100.0]), 10.0, "tokens", "m0/none", TABLE, TABLE),
)


@pytest.fixture(scope="module")
def dataset() -> SelectionDataset:
    plain = simulated_dataset()
    sizes = np.where(np.arange(len(plain.targets)) % 4 == 0, size_of(bucket_of(100.0)), size_of(bucket_of(10.0)))
    by_size = SizeCosts.at(sizes, NAMES, COSTS)
    return replace(plain, costs_ms=by_size.of_samples.mean(axis=0), size_costs=by_size)


LONG = np.arange(400) % 4 == 0


def test_each_sample_costs_what_its_size_does(dataset: SelectionDataset) -> None:
    fixed = dataset.fixed(1).latency_ms
    np.testing.assert_allclose(fixed[LONG], 20.0, rtol=0.11)
    np.testing.assert_allclose(fixed[~LONG], 2.0, rtol=0.11)
    assert fixed.mean() == pytest.approx(dataset.costs_ms[1])
    np.testing.assert_array_equal(dataset.outcome_of(FixedPolicy(NAMES[1])).latency_ms, fixed)
    np.testing.assert_array_equal(dataset.costs(7.0)[:, 1], fixed + 7.0 * (1 - dataset.quality[:, 1]))


def test_a_cascade_is_planned_for_each_size(dataset: SelectionDataset) -> None:
    policy = CascadePolicy(fit_cascade(list(NAMES), dataset.evidence, dataset.targets), 30.0)
    outcome = dataset.outcome_of(policy)
    for rows in (LONG, ~LONG):
        cost = dataset.fixed(1).latency_ms[rows][0]
        alone = policy.outcome(dataset.at_costs(np.array([1.0, cost])).take(np.flatnonzero(rows)))
        np.testing.assert_allclose(outcome.latency_ms[rows], alone.latency_ms)
    escalated = np.array([NAMES[1] in name for name in outcome.variants])
    assert escalated[~LONG].mean() > escalated[LONG].mean() + 0.1, "what is dear is asked less often"


def test_the_oracle_pays_what_each_size_costs(dataset: SelectionDataset) -> None:
    oracle = dataset.oracle()
    right_first = dataset.quality[:, 0] >= dataset.quality[:, 1]
    np.testing.assert_allclose(oracle.latency_ms[right_first], 1.0, rtol=0.01)
    np.testing.assert_allclose(oracle.latency_ms[~right_first], dataset.fixed(1).latency_ms[~right_first])


def test_some_of_the_samples_and_variants_keep_their_costs(dataset: SelectionDataset) -> None:
    rows = np.flatnonzero(LONG)[:5]
    some = dataset.take(rows).among([1])
    assert some.size_costs is not None
    np.testing.assert_array_equal(some.size_costs.of_samples[:, 0], dataset.fixed(1).latency_ms[rows])
    plain = simulated_dataset()
    np.testing.assert_array_equal(plain.outcome_of(FixedPolicy(NAMES[0])).latency_ms, plain.fixed(0).latency_ms)


def test_training_judges_by_them(dataset: SelectionDataset) -> None:
    trained = train(dataset, Objective(), [SingleBestTrainer()])
    latency = trained.comparison.outcomes["single best"].latency_ms
    assert len(np.unique(latency.round(3))) > 1
