"""The verdict on a build, and what is expected of what ships."""

import numpy as np
import pytest

from compsel.building.verdict import expectations, verdict_of
from compsel.selection.objective import Objective
from compsel.selection.training.comparison import train
from compsel.selection.training.trainers import CascadeTrainer, SingleBestTrainer
from tests.selection.simulated import simulated_dataset


@pytest.fixture(scope="module")
def trained():
    dataset = simulated_dataset(600, skills=(6.0, 14.0))
    return train(dataset, Objective(), (SingleBestTrainer(), CascadeTrainer()))


def test_a_cascade_that_pays_beats_the_sceptic(trained):
    verdict = verdict_of(trained)
    assert verdict.beats_hindsight_static
    assert verdict.sentence.startswith("adaptive beats m1/none")


def test_what_is_expected_is_said_with_its_interval(trained):
    first, shipped, judged, loss = expectations(trained)
    expected = trained.expectation
    assert f"on {expected.n} other samples" in first
    assert f"{expected.speedup_vs_most_accurate.value:.2f} times as fast" in first
    assert "m0/none" in shipped
    assert judged.startswith("judged, in the folds")
    assert "points less accurate" in loss


def test_one_variant_for_every_input_is_compared_as_what_it_is():
    alike = train(simulated_dataset(200, skills=(9.0, 9.0)), Objective(), (SingleBestTrainer(),))
    assert len(alike.shipped.ways) == 1
    verdict = verdict_of(alike)
    assert not verdict.beats_hindsight_static
    assert "it is that choice" in verdict.sentence


def test_a_loss_is_called_small_only_where_the_samples_show_it(trained):
    few = train(simulated_dataset(60, skills=(6.0, 14.0)), Objective(), (SingleBestTrainer(),))
    assert not expectations(few)[-1].startswith(("no loss", "small loss"))


def test_the_expectation_is_wider_than_the_interval_of_the_mean(trained):
    width = trained.expectation.accuracy_difference.high - trained.expectation.accuracy_difference.low
    outcomes = trained.comparison.outcomes
    differences = outcomes[trained.comparison.winner].quality - outcomes["most accurate"].quality
    of_the_mean = 2 * 1.96 * differences.std() / np.sqrt(len(differences))
    assert width > 1.1 * of_the_mean
