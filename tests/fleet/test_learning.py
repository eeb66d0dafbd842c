"""Retrain, compare, release and roll back: a real bundle, records of simulated devices."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.bundle.bundle import Bundle
from compsel.bundle.device_costs import costs_on
from compsel.bundle.manifest import write_manifest
from compsel.cli.main import main
from compsel.device.kind import DeviceKind
from compsel.errors import BundleError, UsageError
from compsel.fleet.compare import FleetComparison, compare_bundles
from compsel.fleet.ingest import ingest
from compsel.fleet.layout import FleetFolder
from compsel.fleet.learning.drift import FALSE_ALARMS
from compsel.fleet.merge import merge
from compsel.fleet.merged import MergedRecords
from compsel.fleet.releases import Releases, release, roll_back
from compsel.fleet.retrain import Retrained, retrain
from compsel.parallel.backend import Backend
from compsel.selection.policies import CascadePolicy
from compsel.storage.files import write_json
from tests.fleet import simulated
from tests.reporters import Heard, Stops

LATENCY_MS = {"small": (1.0, 1.3), "big": (6.0, 8.0)}
SLOW, LIKE = "slow", "like"
# on one kind the second processor is several times as fast for the big variant, and all else as slow
KINDS = {SLOW: (3.0, 3.0, 3.0, 1.0), LIKE: (1.0, 1.0, 1.0, 1.0)}


def of(name: str) -> DeviceKind:
    return DeviceKind(name, "simulated", 4)


@pytest.fixture(scope="module")
def bundle(small_model: compsel.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated.write(small_model, tmp_path_factory.mktemp("old") / "bundle", LATENCY_MS)


@pytest.fixture(scope="module")
def fleet(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> FleetFolder:
    """Devices of two kinds, one of which is not as the bundle says."""
    devices = simulated.Fleet(KINDS, devices=14, sessions=8, answers=15)
    return devices.record(bundle, tmp_path_factory.mktemp("fleet"))


@pytest.fixture(scope="module")
def retrained(bundle: Path, fleet: FleetFolder, tmp_path_factory: pytest.TempPathFactory) -> Retrained:
    return retrain(fleet, bundle, tmp_path_factory.mktemp("new") / "bundle")


@pytest.fixture(scope="module")
def comparison(bundle: Path, fleet: FleetFolder, retrained: Retrained) -> FleetComparison:
    return compare_bundles(fleet, bundle, retrained.out)


def test_each_kind_gets_its_own_costs(bundle: Path, retrained: Retrained) -> None:
    old, new = Bundle.load(bundle), Bundle.load(retrained.out)
    for name, factor in KINDS.items():
        costs, whose = costs_on(new, of(name))
        assert whose == f"{name}, 4 cores"
        assert costs.latency_ms / old.costs.latency_ms == pytest.approx(np.tile(factor, (2, 1)), rel=0.12)
    assert costs_on(new, DeviceKind("never seen", "simulated", 2))[1] != "", "the likest kind"
    assert costs_on(new, DeviceKind("a phone", "another", 4))[1] == "", "nothing is like it"


def test_a_runtime_takes_the_costs_of_its_kind_and_says_so(retrained: Retrained, tmp_path: Path) -> None:
    with compsel.load(retrained.out, warm_up=False) as runtime:
        assert runtime.costs_of == ""
    here = DeviceKind.here()
    copied = Path(shutil.copytree(retrained.out, tmp_path / "bundle"))
    from compsel.bundle.device_costs import write_device_costs

    costs, _ = costs_on(Bundle.load(retrained.out), of(SLOW))
    write_device_costs(copied, {here: costs})
    (copied / "manifest.json").unlink()
    write_manifest(copied, compsel.__version__)
    with compsel.load(copied, warm_up=False) as runtime:
        assert runtime.costs_of == here.words
        assert np.array_equal(runtime.costs.latency_ms, costs.latency_ms)


def test_no_held_out_record_is_trained_on(bundle: Path, fleet: FleetFolder, retrained: Retrained) -> None:
    from compsel.bundle.digest import bundle_digest

    records = MergedRecords.open(fleet, bundle_digest(Bundle.load(bundle).files))
    kept = sum(batch.num_rows for batch in records.batches(["variant"], held_out=False))
    assert Bundle.load(retrained.out).summary["fleet"]["rows"] == kept


def test_retraining_twice_gives_the_same_bundle(
    bundle: Path, fleet: FleetFolder, retrained: Retrained, tmp_path: Path
) -> None:
    again = retrain(fleet, bundle, tmp_path / "again")
    assert again.to_dict() == {**retrained.to_dict(), "bundle": str(tmp_path / "again")}
    names = [path.relative_to(retrained.out) for path in sorted(retrained.out.rglob("*")) if path.is_file()]
    assert all((retrained.out / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)


def test_it_is_better_where_costs_were_wrong_and_what_it_says_of_the_others_is_true(
    comparison: FleetComparison, bundle: Path, retrained: Retrained
) -> None:
    of_kind = {comparison.devices[key].cpu: one for key, one in comparison.kinds.items()}
    assert of_kind[SLOW].verdict == "better", comparison.to_dict()
    for kind, verdict in of_kind.items():
        speedup, accuracy = simulated.Fleet(KINDS).truth(bundle, retrained.out, [kind])
        assert verdict.found is not None
        assert verdict.found.speedup.low < speedup < verdict.found.speedup.high
        assert verdict.found.accuracy.low < accuracy < verdict.found.accuracy.high
    assert comparison.beats
    assert comparison.known > 0.5
    found = comparison.overall.found
    assert found is not None
    assert 1 < found.speedup.low < found.speedup.value < found.speedup.high
    json.dumps(comparison.to_dict())


def test_noise_is_no_reason_to_release(bundle: Path, tmp_path: Path) -> None:
    fleet = simulated.Fleet({"a": (1.0,) * 4, "b": (1.0,) * 4}, devices=10, sessions=5, answers=10).record(
        bundle, tmp_path
    )
    new = retrain(fleet, bundle, tmp_path / "new")
    assert release(fleet, bundle)[1] is None
    before = (fleet.releases / "current.json").read_bytes()
    with pytest.raises(BundleError, match="does not beat release 1"):
        release(fleet, new.out)
    assert (fleet.releases / "current.json").read_bytes() == before
    assert [path.name for path in sorted(fleet.releases.iterdir())] == ["1", "current.json"]


def test_release_and_roll_back(bundle: Path, fleet: FleetFolder, retrained: Retrained, tmp_path: Path) -> None:
    mine = FleetFolder(tmp_path / "fleet")
    shutil.copytree(fleet.root, mine.root)
    with pytest.raises(UsageError, match="nothing was released"):
        roll_back(mine)
    release(mine, bundle)
    releases, found = release(mine, retrained.out)
    assert found is not None
    assert releases.current is not None
    assert (releases.current.number, releases.current.why) == (2, found.words)
    compared = json.loads((mine.releases / "2" / "comparison.json").read_text())
    assert {one["verdict"] for one in compared["kinds"].values()} <= {"better", "same", "mixed", "worse", "unknown"}
    with pytest.raises(BundleError, match="the current one"):
        release(mine, retrained.out)
    assert roll_back(mine).current == Releases.read(mine).current
    with pytest.raises(UsageError, match="release 1 is the first one"):
        roll_back(mine)
    with pytest.raises(UsageError, match="allowed are 2"):
        roll_back(mine, 1)
    assert [entry.number for entry in roll_back(mine, 2).history] == [1, 2, 1, 2]
    (mine.releases / "1" / "bundle" / "costs.json").write_text("{}")
    with pytest.raises(BundleError):
        roll_back(mine, 1)
    current = Releases.read(mine).current
    assert current is not None
    assert current.number == 2


def test_what_may_have_trained_a_bundle_does_not_judge_it(
    bundle: Path, fleet: FleetFolder, retrained: Retrained, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(retrained.out, tmp_path / "bundle"))
    document = json.loads((copied / "bundle.json").read_text())
    document["summary"]["fleet"]["held_out_rule"] = "another one"
    write_json(copied / "bundle.json", document)
    (copied / "manifest.json").unlink()
    write_manifest(copied, compsel.__version__)
    with pytest.raises(BundleError, match="cannot judge it"):
        compare_bundles(fleet, bundle, copied)


def test_drift_is_found_where_it_is_and_calibration_follows_feedback(bundle: Path, tmp_path: Path) -> None:
    drifted = simulated.Fleet(
        {"a": (1.0,) * 4, "b": (1.0,) * 4, "c": (2.0,) * 4},
        devices=10,
        sessions=4,
        answers=20,
        overconfident={"a": 1.5},
        shift={"b": 1.5},
    )
    found = retrain(drifted.record(bundle, tmp_path), bundle, tmp_path / "new")
    told = {(found.costs.kinds[one.kind].cpu, one.what) for one in found.drifts}
    assert ("a", "feedback") in told
    assert ("b", "confidence") in told
    assert ("c", "costs") in told
    assert not told & {("b", "feedback"), ("c", "feedback"), ("a", "costs"), ("b", "costs")}
    fit = found.fits["net/small"]
    assert fit.of(np.array([0.7]))[0] < 0.68, "less sure than the bundle was"
    policy, old = Bundle.load(found.out).policies["adaptive"], Bundle.load(bundle).policies["adaptive"]
    assert isinstance(policy, CascadePolicy)
    assert isinstance(old, CascadePolicy)
    assert policy.policy.nodes[1].grid == pytest.approx(fit.of(old.policy.nodes[1].grid))


def test_false_alarms_are_as_rare_as_stated() -> None:
    """Of 400 fleets without a drift, 1 % may raise an alarm by chance; 12 or more would do so once in 1,500 times."""
    from compsel.fleet.learning.drift import DriftSums, Expected, found_drifts

    generator, alarms = np.random.default_rng(0), 0
    for _ in range(400):
        sums = DriftSums({})
        for kind in range(5):
            for device in range(9):
                n = float(generator.integers(5, 50))
                mean = 0.1 * generator.normal() + 0.4 * generator.normal() / np.sqrt(n)
                sums._sums[f"kind {kind}", "feedback", str(device)] = [n, n * mean]
        alarms += bool(found_drifts(sums.tests(Expected({"feedback": 0.0}, {}))))
    assert alarms < 12
    assert FALSE_ALARMS == 0.01


def test_the_command_line(bundle: Path, fleet: FleetFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine, out, file = tmp_path / "fleet", tmp_path / "new", tmp_path / "found.json"
    shutil.copytree(fleet.root, mine)
    given = ["--fleet", str(mine), "--json", str(file)]
    assert main(["fleet", "retrain", str(bundle), "--out", str(out), *given]) == 0
    assert {kind["device"] for kind in json.loads(file.read_text())["kinds"]} == {"slow, 4 cores", "like, 4 cores"}
    assert main(["fleet", "compare", str(bundle), str(out), *given]) == 0
    assert json.loads(file.read_text())["overall"]["verdict"] == "better"
    assert main(["fleet", "release", str(bundle), *given]) == 0
    assert main(["fleet", "release", str(out), *given]) == 0
    assert main(["fleet", "rollback", *given]) == 0
    assert [entry["number"] for entry in json.loads(file.read_text())["history"]] == [1, 2, 1]
    assert "release 1 is the current one again" in capsys.readouterr().out
    assert main(["fleet", "rollback", "--to", "9", *given]) != 0
    for word in (["retrain", str(bundle), "--out", str(tmp_path / "later")], ["compare", str(bundle), str(out)]):
        assert main(["fleet", *word, "--since", "2100-01-01", *given]) != 0
        assert "no record of this bundle's choices since 2100-01-01T00:00:00+00:00" in capsys.readouterr().err


def test_records_of_a_real_runtime_teach_its_costs(bundle: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for _ in range(8):  # sessions: a fifth of them judges, by chance
        with compsel.load(bundle, record=tmp_path / "uploads", explore=0.5) as runtime:
            for _ in range(8):
                answer = runtime(generator.integers(0, 256, (64, 64, 3)).astype(np.uint8))
                runtime.feedback(answer, right=True)
    fleet = FleetFolder(tmp_path / "fleet")
    ingest(tmp_path / "uploads", fleet)
    merge(fleet)
    found = retrain(fleet, bundle, tmp_path / "new")
    (kind,) = found.costs.by_kind
    assert kind == DeviceKind.here()
    with compsel.load(found.out, warm_up=False) as runtime:
        assert runtime.costs_of == kind.words
        costs = runtime.costs
    frame = compsel.records(tmp_path / "uploads")
    small = frame[(frame["variant"] == "net/small") & (frame["processor"] == "cpu:1")]
    expected = [costs.at(load)[0] for load in small["load_others"].astype(float)]
    assert 0.5 < np.median(small["latency_ms"] / expected) < 2, "it was taken to be about four times as slow"
    assert sum(fit.answers for fit in found.fits.values()) >= 16


@pytest.mark.slow
def test_policies_are_trained_anew_on_a_profile_at_the_costs_of_the_fleet(
    bundle_folder: Path, profile_folder: Path, tmp_path: Path
) -> None:
    for _ in range(6):
        with compsel.load(bundle_folder, record=tmp_path / "uploads") as runtime:
            runtime(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    fleet = FleetFolder(tmp_path / "fleet")
    ingest(tmp_path / "uploads", fleet)
    merge(fleet)
    with pytest.raises(KeyboardInterrupt):
        retrain(fleet, bundle_folder, tmp_path / "new", profile=profile_folder, reporter=Stops("fold 3 of 5"))
    heard, two = Heard(), Backend.local(2)
    found = retrain(fleet, bundle_folder, tmp_path / "new", profile=profile_folder, reporter=heard, backend=two)
    assert any("parts are there from an earlier run" in message for message in heard.messages)
    assert not (tmp_path / "new.work").exists()
    whole = retrain(fleet, bundle_folder, tmp_path / "whole", profile=profile_folder, backend=Backend.local(1))
    for name in ("policies.json", "costs.json"):
        assert (found.out / name).read_bytes() == (whole.out / name).read_bytes()
    new = Bundle.load(found.out)
    assert new.summary["fleet"]["held_out_rule"]
    assert costs_on(new)[1] == DeviceKind.here().words


def test_a_backend_is_for_what_is_trained(
    bundle: Path, fleet: FleetFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["fleet", "retrain", str(bundle), "--out", str(tmp_path / "new"), "--fleet", str(fleet.root)]
    assert main([*command, "--jobs", "2"]) == 2
    assert "backend: got it without profile" in capsys.readouterr().err
    assert main([*command, "--backend", "dask"]) == 2
    assert "got no address: give --scheduler ADDRESS" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
