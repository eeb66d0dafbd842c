"""Energies of choices: measured with whatever meter there is, resumed, read back, refused where they do not compare."""

import numpy as np
import pytest

from compsel.building.measure import measure
from compsel.building.options import Measuring
from compsel.device.energy.base import Meter
from compsel.device.energy.estimate import EstimateMeter
from compsel.errors import EnergyError, ProfileError
from compsel.inputs.samples import ArraySamples
from compsel.processors import CpuProcessor
from compsel.profiling import energy
from compsel.profiling.choices import Choices
from compsel.profiling.energy import measure_energies
from compsel.profiling.energy_table import EnergyTable, read_energy
from compsel.profiling.profile import Profile
from compsel.storage.parquet import read_table
from compsel.techniques import parse
from compsel.variants.engine import Engine
from compsel.variants.writer import write_variant
from tests.conftest import QUICK

# real time, or real load, is what is looked at: nothing runs beside
pytestmark = pytest.mark.clock

IMAGES = ArraySamples([np.full((70, 70, 3), 40 * n, np.uint8) for n in range(5)])


class PerSession(Meter):
    """1 J for each session that was opened: no clock, so that a test can say what comes out."""

    name, covers, interval_s = "sessions", "a device that pays by the session", 0.00001

    def __init__(self):
        self.opened = 0

    def energy_mj(self):
        return 1000.0 * self.opened


class PerPixel(Meter):
    """1 mJ for each pixel that an engine computes, nothing for idling: energies that no clock and no load changes."""

    name, covers, interval_s = "pixels", "a device that pays by the pixel", 0.00001

    def __init__(self, monkeypatch):
        self.spent_mj = 0.0
        run = Engine.__call__

        def pay(engine, value):
            self.spent_mj += float(np.prod(engine.variant.inputs[0].shape[-2:]))
            return run(engine, value)

        monkeypatch.setattr(Engine, "__call__", pay)

    def energy_mj(self):
        return self.spent_mj


@pytest.fixture
def variants(small_model, tmp_path):
    lower = parse("resolution:48").apply(small_model, None)
    return [write_variant(model, tmp_path, "logits") for model in (small_model, lower)]


def run(variants, folder, meter, states=("idle",), least_s=0.01):
    measure_energies(Choices(variants, [CpuProcessor(1)], folder), states, IMAGES, folder, meter, least_s)


def test_every_choice_gets_an_energy_above_idle(variants, tmp_path):
    run(variants, tmp_path, EstimateMeter(10.0), least_s=0.05)
    table = read_energy(tmp_path)
    assert table.estimated and table.meter == "estimate:10"
    assert min(table.energy_mj[variant.name, "cpu:1", "idle"] for variant in variants) > 0
    columns, metadata = read_table(tmp_path / "energy" / "idle.parquet")
    assert (columns["gross_mj"] >= columns["energy_mj"]).all() and (columns["runs"] > 0).all()
    assert (metadata["estimated"], metadata["state"]) == ("yes", "idle")


def test_energies_stand_with_the_choice_that_took_them(variants, tmp_path, monkeypatch):
    run(variants, tmp_path, PerPixel(monkeypatch))
    energies = read_energy(tmp_path).energy_mj
    assert [energies[variant.name, "cpu:1", "idle"] for variant in variants] == pytest.approx([64 * 64, 48 * 48])


def test_what_is_known_is_kept_unless_meter_file_or_device_is_another(variants, tmp_path, monkeypatch):
    calls = []

    def count(run, meter, idle_mw, least_s):
        calls.append(meter.name)
        return energy.Energy(1.0, 2.0, 3, 0.1, meter.name, meter.estimated)

    monkeypatch.setattr(energy, "measure_energy", count)

    def measured(meter, states=("idle",)):
        calls.clear()
        run(variants, tmp_path, meter, states)
        return len(calls)

    assert measured(PerSession()) == 2
    assert measured(PerSession()) == 0
    assert measured(PerSession(), ("idle", "busy:1")) == 2
    assert measured(EstimateMeter(3.0)) == 2
    with pytest.raises(ProfileError, match="measure all states with one meter"):
        read_energy(tmp_path)
    monkeypatch.setattr("compsel.profiling.tables.device_fingerprint", lambda: {"cpu": "another"})
    assert measured(EstimateMeter(3.0)) == 2
    (tmp_path / "energy" / "idle.parquet").write_bytes(b"damaged")
    assert measured(EstimateMeter(3.0)) == 2


def test_power_is_energy_over_latency():
    table = EnergyTable(
        {("a", "cpu:1", "idle"): 12.0, ("a", "cpu:1", "busy:1"): 30.0, ("b", "x", "idle"): 1.0}, "m", False
    )
    assert table.power_w({("a", "cpu:1", "idle"): 4.0, ("a", "cpu:1", "busy:1"): 6.0}) == {("a", "cpu:1"): 4.0}


def test_no_samples_are_refused(variants, tmp_path):
    with pytest.raises(ProfileError, match="no samples"):
        measure_energies(
            Choices(variants, [CpuProcessor(1)], tmp_path), ("idle",), ArraySamples([]), tmp_path, PerSession()
        )


@pytest.mark.slow
def test_profile_has_energies_only_with_a_meter(small_model, crops, tmp_path, monkeypatch):
    asked = {"techniques": ["none"], "processors": ["cpu:1"], "states": ["idle"], "criterion": QUICK}
    monkeypatch.setattr("compsel.device.energy._default_name", _no_meter)
    profile, _ = measure([small_model], crops, tmp_path / "p", Measuring(**asked))
    assert profile.energy is None
    with pytest.raises(EnergyError, match="sundial"):
        measure([small_model], crops, tmp_path / "p", Measuring(meter="sundial", **asked))
    profile, _ = measure([small_model], crops, tmp_path / "p", Measuring(meter="estimate:5", **asked))
    assert profile.energy.estimated
    assert profile.energy == Profile.load(tmp_path / "p").energy
    assert set(profile.energy.energy_mj) == {(small_model.name + "/none", "cpu:1", "idle")}


def _no_meter(sys):
    raise EnergyError("no meter")
