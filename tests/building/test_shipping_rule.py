"""What ships and what is said of it follow from one comparison, however noisy the measurements are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest

from compsel.building.result import Measured, result_of
from compsel.building.training_tables import selection_dataset
from compsel.building.verdict import findings, verdict_of
from compsel.evaluation.result import Result
from compsel.profiling.from_frames import profile_from_frames
from compsel.profiling.profile import Profile
from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.training.comparison import train
from compsel.selection.training.trained import SINGLE_BEST, Trained
from compsel.selection.training.trainers import CascadeTrainer, SingleBestTrainer
from tests.selection.simulated import simulated_dataset

TRAINERS = (SingleBestTrainer(), CascadeTrainer())


def profile_of(dataset: SelectionDataset, noise: float, seed: int) -> Profile:
    """Measured tables of a dataset; each latency is run twenty times on a machine that others use."""
    generator = np.random.default_rng(seed)
    quality = [
        {
            "sample": number,
            "variant": name,
            "quality": dataset.quality[number, column],
            "label": dataset.targets[number],
            "n_classes": 40,
            **{f"class_{k + 1}": evidence.classes[number, k] for k in range(evidence.classes.shape[1])},
            **{f"probability_{k + 1}": evidence.probabilities[number, k] for k in range(evidence.classes.shape[1])},
        }
        for column, (name, evidence) in enumerate(zip(dataset.names, dataset.evidence, strict=True))
        for number in range(len(dataset.targets))
    ]
    costs = [
        {"variant": name, "processor": "cpu:1", "state": "idle", "latency_ms": cost * slow}
        for name, cost in zip(dataset.names, dataset.costs_ms, strict=True)
        for slow in generator.lognormal(generator.normal(0.0, noise), noise, 20)
    ]
    return profile_from_frames(pandas.DataFrame(quality), pandas.DataFrame(costs))


def built(dataset: SelectionDataset, noise: float, seed: int) -> tuple[Trained, Result]:
    profile = profile_of(dataset, noise, seed)
    table, costs = selection_dataset(profile)
    trained = train(table, Objective(), TRAINERS)
    return trained, result_of(trained, Measured(profile, table, costs), Path("bundle"))


def close(seed: int) -> SelectionDataset:
    """Two models whose costs are so near each other that choosing hardly pays, or just does."""
    return replace(simulated_dataset(120, seed, skills=(9.0, 14.0)), costs_ms=np.array([1.0, 1.2 + 0.15 * seed]))


def test_what_ships_is_what_is_called_better() -> None:
    shipped = set()
    for seed in range(6):
        trained, result = built(close(seed), noise=0.25, seed=seed)
        adaptive = trained.comparison.winner != SINGLE_BEST
        shipped.add(adaptive)
        assert verdict_of(trained).beats_hindsight_static == adaptive, seed
        assert result.beats_sceptic == adaptive, seed
        found = findings(trained)
        assert found["verdict"]["beats_hindsight_static"] == adaptive
        told = " ".join(result.sentences())
        assert ("It beats" in told) == adaptive
        if adaptive:
            assert trained.comparison.reason.startswith(f"{trained.comparison.winner} beats ")
        else:
            assert len(trained.shipped.ways) == 1
    assert shipped == {True, False}  # both happen: else nothing was tested


def test_noise_costs_the_gain_of_choosing_and_not_the_verdict() -> None:
    """The same costs, once measured well, once on a loaded machine."""
    dataset = replace(simulated_dataset(120, 3, skills=(7.0, 14.0)), costs_ms=np.array([1.0, 3.0]))
    quiet, noisy = (
        train(replace(dataset, cost_errors=dict.fromkeys(dataset.names, error)), Objective(), TRAINERS)
        for error in (0.02, 0.8)
    )
    assert quiet.comparison.winner == "cascade"
    assert noisy.comparison.scores["cascade"] == quiet.comparison.scores["cascade"]
    assert noisy.comparison.winner == SINGLE_BEST
    assert "so the single best is shipped" in noisy.comparison.reason


def test_how_well_costs_are_known_comes_from_their_runs() -> None:
    errors = [selection_dataset(profile_of(close(0), noise, 0))[0].cost_errors["m0/none"] for noise in (0.05, 0.5)]
    assert errors[0] == pytest.approx(1.96 * 0.05 / 20**0.5, rel=0.5)
    assert errors[1] > 5 * errors[0]


def test_the_figures_are_those_of_the_decision() -> None:
    dataset = replace(simulated_dataset(120, 3, skills=(7.0, 14.0)), costs_ms=np.array([1.0, 3.0]))
    trained, result = built(dataset, noise=0.1, seed=1)
    decided = trained.comparison.against[trained.comparison.winner].found
    assert result.against_sceptic == decided
    assert str(decided) in verdict_of(trained).sentence
    assert result.to_dict()["speedup_vs_sceptic_95"] == [decided.speedup.low, decided.speedup.high]


@pytest.mark.parametrize("penalty", [0.5, 8.0, 200.0])
def test_where_wrong_answers_have_a_price_the_same_rule_holds(penalty: float) -> None:
    for seed in (0, 8):
        dataset = close(seed)
        trained = train(dataset, Objective(max_loss=None, penalty=penalty), TRAINERS)
        adaptive = trained.comparison.winner != SINGLE_BEST
        verdict = verdict_of(trained)
        assert verdict.beats_hindsight_static == adaptive
        assert "the single variant that costs least here, wrong answers included" in verdict.sentence


def test_a_single_choice_that_is_not_the_fastest_says_what_the_other_lacks() -> None:
    """Another variant is as accurate on these samples, but wrong on others of them: it may lie below the floor."""
    n = 60
    right = np.ones((n, 2))
    right[:6, 1], right[6:12, 0] = 0.0, 0.0  # as many, on other samples
    dataset = replace(
        simulated_dataset(n, skills=(9.0, 9.0)), quality=right, names=("net/int8", "net/none"), evidence=()
    )
    trained = train(dataset, Objective(), (SingleBestTrainer(),))
    assert list(trained.shipped.ways) == ["net/none"]
    verdict = verdict_of(trained)
    assert not verdict.beats_hindsight_static
    assert "ship that one" not in verdict.why
    assert "60 samples do not show that it keeps the floor" in verdict.why
