"""The curves that a build keeps for its report: all of samples that were not trained on."""

from dataclasses import replace

import numpy as np
import pytest

from compsel.building.curves import curves
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective
from compsel.selection.training.comparison import train
from compsel.selection.training.trained import Trained
from compsel.selection.training.trainers import CascadeTrainer, SingleBestTrainer
from tests.selection.simulated import simulated_dataset

DATASET = simulated_dataset(600, skills=(6.0, 14.0))
COSTS = CostModel(
    tuple((name, "cpu:1") for name in DATASET.names),
    np.array([[0.0], [2.0]]),
    np.stack([DATASET.costs_ms, 3 * DATASET.costs_ms]),
    np.stack([DATASET.costs_ms, 3 * DATASET.costs_ms]),
    names=("idle", "busy:2"),
)


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(DATASET, Objective(), (SingleBestTrainer(), CascadeTrainer()))


def test_the_curve_rises_with_the_cost_of_an_error_and_load_makes_it_dearer(trained: Trained) -> None:
    found = curves(trained, DATASET, COSTS)
    assert found["shipped"]
    idle, busy = (found["states"][name] for name in ("idle", "busy:2"))
    latencies = [one["latency_ms"] for one in idle["points"]]
    assert latencies == sorted(latencies)
    assert latencies[0] < idle["point"]["latency_ms"] < latencies[-1]
    assert idle["points"][-1]["accuracy"] > idle["points"][0]["accuracy"]
    assert busy["point"]["latency_ms"] > 2 * idle["point"]["latency_ms"]
    # it keeps its accuracy where computing is dearer
    assert busy["point"]["accuracy"] >= idle["point"]["accuracy"] - 1e-4


def test_more_samples_are_judged_on_the_same_held_out_ones(trained: Trained) -> None:
    found = curves(trained, DATASET, COSTS)
    assert [one["n"] for one in found["learning"]] == [60, 120, 240, 480]
    for one in found["learning"]:
        assert one["cost_ms"] == pytest.approx(np.mean(one["cost_ms_folds"]))
    assert found["learning"][-1]["accuracy"] == found["states"]["idle"]["point"]["accuracy"]
    assert sum(one["n"] for one in found["calibration"]["bins"]) == 600


def test_there_are_none_without_a_cascade_or_of_energies(trained: Trained) -> None:
    alone = train(DATASET, Objective(), (SingleBestTrainer(),))
    assert curves(alone, DATASET, COSTS) == {}
    assert curves(trained, replace(DATASET, unit="mJ"), COSTS) == {}
