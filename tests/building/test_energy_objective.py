"""Energy as what is minimised: refused without a meter; with one, the thriftiest processor answers, not the fastest."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.building import build as building
from compsel.building.options import Measuring
from compsel.building.train import train_bundle
from compsel.building.training_tables import selection_dataset
from compsel.errors import EnergyError, ObjectiveError
from compsel.inputs.samples import ArraySamples
from compsel.profiling.energy_table import EnergyTable
from compsel.profiling.latency_table import LatencyTable
from compsel.profiling.profile import Profile
from compsel.runtime.planning.planner import Limits
from compsel.selection.costs.model import CostModel
from compsel.selection.objective import Objective, Quantity

FAST, THRIFTY = "cpu:all", "cpu:1"
STATE = "idle"
# on all cores an inference takes half the time at four times the power
LATENCY_MS = {FAST: 10.0, THRIFTY: 20.0}
POWER_W = {FAST: 8.0, THRIFTY: 2.0}


@pytest.fixture
def metered(profile: Profile) -> Profile:
    """The profile as a machine would have measured it that has two processors and a meter."""
    sizes = {variant.name: 1.0 + number / 10 for number, variant in enumerate(profile.variants)}
    rows = [(name, word, LATENCY_MS[word] * size) for name, size in sizes.items() for word in LATENCY_MS for _ in "123"]
    names, words, latencies = zip(*rows, strict=True)
    table = LatencyTable(names, words, (STATE,) * len(rows), np.array(latencies), {STATE: {"load_others": 0.0}})
    energies = {(name, word, STATE): latency * POWER_W[word] for name, word, latency in rows}
    return replace(profile, latency=table, energy=EnergyTable(energies, "rapl", False))


def trained(profile: Profile, folder: Path, out: Path, minimize: Quantity) -> Path:
    objective = Objective(minimize, max_loss=None)
    train_bundle(profile, folder / "variants", out, objective)
    return out


@pytest.mark.slow
def test_the_thriftiest_processor_answers(
    metered: Profile, profile_folder: Path, crops: ArraySamples, tmp_path: Path
) -> None:
    for minimize, processor in (("latency", FAST), ("energy", THRIFTY)):
        folder = trained(metered, profile_folder, tmp_path / minimize, minimize)
        with compsel.load(folder, adapt=False, warm_up=False) as runtime:
            answer = runtime(crops.value(0))
            assert {stage.processor for stage in answer.stages} == {processor}
            size = 1.0 + list(runtime.bundle.variants).index(answer.stages[0].variant) / 10
            assert answer.stages[0].expected_ms == pytest.approx(LATENCY_MS[processor] * size, rel=0.01), (
                "time, not energy"
            )
            found_again = runtime._planner.plan(runtime._observations.live.at(0.0), Limits())
            assert found_again.expected_ms[0] == pytest.approx(answer.stages[0].expected_ms, rel=0.01)
            assert runtime(crops.value(0), minimize=minimize).constraints_met
            other = "energy" if minimize == "latency" else "latency"
            with pytest.raises(ObjectiveError, match=f"allowed is '{minimize}'"):
                runtime(crops.value(0), minimize=other)
            assert runtime.bundle.summary["energy"] == {"meter": "rapl", "estimated": False}


def test_a_deadline_takes_the_faster_processor(
    metered: Profile, profile_folder: Path, crops: ArraySamples, tmp_path: Path
) -> None:
    with compsel.load(
        trained(metered, profile_folder, tmp_path / "b", "energy"), adapt=False, warm_up=False
    ) as runtime:
        answer = runtime(crops.value(0), deadline_ms=15.0)
        assert {stage.processor for stage in answer.stages} == {FAST}
        assert answer.constraints_met
        assert not runtime(crops.value(0), deadline_ms=5.0).constraints_met


def test_prices_are_energies(metered: Profile) -> None:
    in_time, _ = selection_dataset(metered, Objective())
    in_energy, costs = selection_dataset(metered, Objective("energy"))
    assert (in_time.unit, in_energy.unit) == ("ms", "mJ")
    sizes = 1.0 + np.arange(len(metered.variants)) / 10
    np.testing.assert_allclose(in_time.costs_ms, 10.0 * sizes, rtol=1e-3)
    np.testing.assert_allclose(in_energy.costs_ms, 40.0 * sizes, rtol=1e-3)
    assert CostModel.from_dict(costs.to_dict()).to_dict() == costs.to_dict()


def test_choices_without_an_energy_are_left_out(metered: Profile) -> None:
    known = {key: value for key, value in metered.energy.energy_mj.items() if key[1] == FAST}  # there are
    partly = replace(metered, energy=EnergyTable(known, "rapl", False))
    _, costs = selection_dataset(partly, Objective("energy"))
    assert {word for _, word in costs.choices} == {FAST}


def test_energy_without_a_meter_is_refused(profile: Profile, profile_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ObjectiveError, match="no energy was measured, for want of a meter"):
        trained(replace(profile, energy=None), profile_folder, tmp_path / "b", "energy")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("minimize", ["memory", "energy_delay"])
def test_what_does_not_add_up_over_stages_is_refused(metered: Profile, minimize: Quantity) -> None:
    with pytest.raises(ObjectiveError, match="does not add up"):
        selection_dataset(metered, Objective(minimize))


def test_build_refuses_before_it_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_meter(sys: str) -> None:
        raise EnergyError("no meter")

    monkeypatch.setattr("compsel.device.energy._default_name", no_meter)
    with pytest.raises(ObjectiveError, match="no energy was measured"):
        building.build([], samples=ArraySamples([]), out=tmp_path / "b", objective=Objective("energy"))
    with pytest.raises(EnergyError, match="sundial"):
        building.build(
            [],
            samples=ArraySamples([]),
            out=tmp_path / "b",
            objective=Objective("energy"),
            measuring=Measuring(meter="sundial"),
        )


@pytest.mark.parametrize("power", [[1.0], [1.0, 0.0], [1.0, float("nan")], [[1.0, 2.0]]])
def test_damaged_powers_are_refused(power: list[float]) -> None:
    table = np.array([[1.0, 2.0]])
    content = CostModel((("a", "cpu:1"), ("a", "cpu:2")), np.zeros((1, 1)), table, table).to_dict()
    with pytest.raises(ValueError, match="powers"):
        CostModel.from_dict({**content, "power_w": power})
