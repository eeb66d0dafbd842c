"""A bundle that was made elsewhere, on this device."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.building.porting.port import port
from compsel.building.porting.transfer import Transferred
from compsel.bundle.bundle import Bundle
from compsel.cli.main import main
from compsel.device.cgroup import usable_cores
from compsel.errors import BundleError, StorageError
from compsel.inputs.samples import ArraySamples
from compsel.processors import Availability, CpuProcessor
from compsel.selection.costs.model import CostModel
from tests.processors.fake_processor import FakeProcessor

# real time, or real load, is what is looked at: nothing runs beside
pytestmark = pytest.mark.clock

Discovered = Callable[[list[object]], None]
ONE = np.zeros(1)


@pytest.fixture
def discovered(monkeypatch: pytest.MonkeyPatch) -> Discovered:
    """Let `discover` find these processors."""

    def find(processors: list[object]) -> None:
        monkeypatch.setattr(
            "compsel.building.porting.engines.discover", lambda: [(one, Availability(True, "")) for one in processors]
        )

    return find


def test_a_ported_bundle_has_the_costs_of_this_device(
    bundle_folder: Path,
    tmp_path: Path,
    crops: ArraySamples,
    discovered: Discovered,
    capsys: pytest.CaptureFixture[str],
) -> None:
    discovered([CpuProcessor(1), CpuProcessor(2, spinning=False)])
    out, report = tmp_path / "ported", tmp_path / "port.json"
    assert main(["port", str(bundle_folder), "--out", str(out), "--json", str(report), "--share", "0.2"]) == 0
    said = json.loads(report.read_text())
    old, new = Bundle.load(bundle_folder), Bundle.load(out)
    first, second, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{out} is ready for this device. Idle: efficientnet-lite0/") and "ms instead of" in first
    assert second.startswith("Measured in ") and last.startswith(f"Next: compsel evaluate {out} --samples ")
    assert said["processors"] == ["cpu:1", "cpu:2:nospin"]
    assert said["unknown"] == ["cpu:2:nospin"]
    assert set(new.costs.choices) == {(v, p) for v, _ in old.costs.choices for p in said["processors"]}
    assert new.summary["ported"]["error"] == pytest.approx(said["error"])
    assert np.isfinite(said["error"])
    pairs = len(new.costs.choices) * len(said["states"])
    assert said["pairs"] == max(2, round(0.2 * pairs)) == round(said["share"] * pairs)
    assert said["runs"] >= 3 * said["pairs"]
    assert new.summary["shipped"] == old.summary["shipped"]
    with compsel.load(out) as runtime:
        assert runtime(crops.value(0)).outputs[0].shape == (1, 1000)


@pytest.mark.slow
def test_half_as_many_cores_are_as_busy_beside_half_as_many_processes(
    bundle_folder: Path, tmp_path: Path, discovered: Discovered, monkeypatch: pytest.MonkeyPatch
) -> None:
    discovered([CpuProcessor(1)])
    old = Bundle.load(bundle_folder)
    columns = [number for number, (_, processor) in enumerate(old.costs.choices) if processor == "cpu:1"]
    costs = CostModel(
        tuple(old.costs.choices[number] for number in columns),
        np.array([[0.0], [1.0], [2.0]]),
        np.array([[1.0], [3.0], [9.0]]) * old.costs.latency_ms[0, columns],
        np.array([[1.0], [3.0], [9.0]]) * old.costs.p95_ms[0, columns],
        ("load_others",),
        ("idle", "busy:1", "busy:2"),
    )
    cores = usable_cores()
    here = replace(old, costs=costs, summary={"device": {"usable_cores": cores}})
    twice = replace(old, costs=costs, summary={"device": {"usable_cores": 2 * cores}})
    # how the states differ, before anything is measured
    monkeypatch.setattr(
        "compsel.building.porting.port.Transfer.fit", lambda self, table, *_: Transferred(table, table, ONE)
    )
    for content, factors in ((here, (1.0, 3.0, 9.0)), (twice, (1.0, 9.0))):
        monkeypatch.setattr("compsel.building.porting.port.Bundle.load", lambda _, content=content: content)
        port(bundle_folder, tmp_path / "ported", budget_s=0.1, replace=True)
        stored = json.loads((tmp_path / "ported" / "costs.json").read_text())
        table = {name: row[0] for name, row in zip(stored["names"], stored["latency_ms"], strict=True)}
        for name, factor in zip(("idle", "busy:1", "busy:2"), factors, strict=False):
            assert table[name] == pytest.approx(factor * old.costs.latency_ms[0, columns[0]])


def test_a_device_that_runs_nothing_of_it_is_refused(
    bundle_folder: Path, tmp_path: Path, discovered: Discovered
) -> None:
    for processors in ([], [FakeProcessor({}, "npu")]):
        discovered(list(processors))
        with pytest.raises(BundleError, match="no processor of this device runs its variants"):
            port(bundle_folder, tmp_path / "ported")
    assert not (tmp_path / "ported").exists()


def test_nothing_is_overwritten_unasked(bundle_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("here already")
    with pytest.raises(StorageError):
        port(bundle_folder, tmp_path)
    assert (tmp_path / "mine.txt").exists()


@pytest.mark.parametrize("share", [0.0, -1.0, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(bundle_folder: Path, tmp_path: Path, share: float) -> None:
    with pytest.raises(BundleError, match="share: got"):
        port(bundle_folder, tmp_path / "ported", share=share)
