from dataclasses import replace

import numpy as np
import pytest

from compsel.errors import TooFewSamplesError
from compsel.selection.objective import Objective
from compsel.selection.training.comparison import compare, train
from compsel.selection.training.operating_points import OutOfFoldCascades
from compsel.selection.training.portfolio import choose_portfolio, complementary, contenders
from compsel.selection.training.trainers import CascadeTrainer, SingleBestTrainer
from compsel.selection.training.trainers.base import penalty_of
from tests.selection.simulated import simulated_dataset

DATASET = simulated_dataset(300, skills=(6.0, 14.0))
TRAINERS = (SingleBestTrainer(), CascadeTrainer())


@pytest.fixture(scope="module")
def comparison():
    return compare(DATASET, Objective(), TRAINERS)


def test_a_confident_probe_beats_the_single_best(comparison):
    assert comparison.winner == "cascade"
    score = comparison.scores["cascade"]
    assert 0 < score.gap_low <= score.gap_closed <= score.gap_high <= 1
    assert score.latency_ms < comparison.scores["single best"].latency_ms


def test_gap_closed_is_the_ratio_of_distances(comparison):
    cost = {name: score.cost for name, score in comparison.scores.items()}
    expected = (cost["single best"] - cost["cascade"]) / (cost["single best"] - cost["oracle"])
    assert comparison.scores["cascade"].gap_closed == pytest.approx(expected)
    assert comparison.scores["single best"].gap_closed == 0
    assert comparison.scores["oracle"].gap_closed == 1


def test_nobody_beats_the_oracle(comparison):
    best = comparison.scores["oracle"].cost
    assert all(score.cost >= best for score in comparison.scores.values())


def test_without_information_the_single_best_is_shipped():
    generator = np.random.default_rng(0)
    shuffled = generator.permutation(300)
    evidence = tuple(one.take(shuffled) for one in DATASET.evidence)  # of other samples: says nothing
    noise = replace(DATASET, evidence=evidence, targets=DATASET.targets)
    trained = train(noise, Objective(), TRAINERS)
    assert trained.comparison.winner == "single best"
    assert "so the single best is shipped" in trained.comparison.reason


def test_the_floor_holds_for_the_single_best():
    fitted = SingleBestTrainer().fit(DATASET, Objective(max_loss=0.0))
    assert fitted.policy.variants == ("m1/none",)
    fitted = SingleBestTrainer().fit(DATASET, Objective(max_loss=None, penalty=0.01))
    assert fitted.policy.variants == ("m0/none",)


def test_a_larger_loss_buys_speed():
    strict = CascadeTrainer().fit(DATASET, Objective(max_loss=0.0))
    loose = CascadeTrainer().fit(DATASET, Objective(max_loss=0.1))
    assert loose.policy.penalty < strict.policy.penalty
    assert loose.policy.outcome(DATASET).latency_ms.mean() < strict.policy.outcome(DATASET).latency_ms.mean()


def test_too_few_samples():
    with pytest.raises(TooFewSamplesError, match="got 10 samples, needed are at least 20"):
        train(DATASET.take(np.arange(10)))


@pytest.mark.parametrize("groups", [1, 3, 4])
def test_too_few_groups(groups):
    dataset = replace(DATASET, groups=np.arange(300) % groups)
    with pytest.raises(TooFewSamplesError, match=f"got 300 samples of {groups} groups?, needed are at least 5 groups"):
        train(dataset)


def test_five_groups_are_enough_to_train():
    dataset = replace(DATASET.take(np.arange(60)), groups=np.arange(60) % 5)
    assert train(dataset, Objective(), TRAINERS).shipped.latency_ms > 0


def test_portfolios_add_what_pays():
    cost = penalty_of(DATASET, Objective())
    additions = choose_portfolio(OutOfFoldCascades(DATASET, [0, 1], 2), cost, 4)
    assert sorted(addition.variant for addition in additions) == ["m0/none", "m1/none"]
    costs = [addition.latency_ms + cost * (1.0 - addition.quality) for addition in additions]
    assert costs[1] < costs[0]


def test_contenders_are_those_that_nothing_beats_for_certain():
    dataset = simulated_dataset(300, skills=(4.0, 12.0, 2.0, 14.0))
    assert contenders(dataset) == [0, 1, 3]


def test_the_uncompressed_variant_is_always_a_contender():
    dataset = simulated_dataset(300, skills=(4.0, 12.0, 2.0))  # the dearest is uncompressed, and worst
    assert contenders(dataset) == [0, 1, 2]


def test_a_variant_that_is_never_better_is_not_chosen():
    dataset = simulated_dataset(200, skills=(6.0, 6.0))
    worse = replace(dataset, quality=dataset.quality * np.array([1.0, 0.0]))
    assert complementary(worse, 10.0, 5) == (0,)


def test_the_oracle_takes_the_cheapest_that_is_right():
    oracle = DATASET.oracle()
    right = DATASET.quality > 0
    wanted = np.where(right[:, 0], 1.0, np.where(right[:, 1], 6.0, 1.0))
    assert np.array_equal(oracle.latency_ms, wanted)
    assert np.array_equal(oracle.quality, right.any(axis=1))


def test_samples_of_one_group_are_never_split():
    dataset = replace(DATASET, groups=np.repeat(np.arange(100), 3))
    seen = []

    class Spy(SingleBestTrainer):
        def fit(self, dataset, objective):
            seen.append(np.bincount(dataset.groups, minlength=100))
            return super().fit(dataset, objective)

    compare(dataset, Objective(), [Spy()])
    assert len(seen) == 5
    assert all(set(counts.tolist()) == {0, 3} for counts in seen)
