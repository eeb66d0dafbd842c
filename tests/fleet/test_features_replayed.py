"""Policies that look at the input are compared on the answers whose features were recorded."""

import itertools
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

import compsel
from compsel.bundle.bundle import Bundle
from compsel.bundle.manifest import write_manifest
from compsel.device.kind import DeviceKind
from compsel.errors import BundleError, ProfileError
from compsel.features.image import ImageFeatures
from compsel.fleet.compare import compare_bundles
from compsel.fleet.held_out import is_held_out
from compsel.fleet.ingest import ingest
from compsel.fleet.judging.replay import Replay, read_answer
from compsel.fleet.layout import FleetFolder
from compsel.fleet.merge import merge
from compsel.fleet.merged import MergedRecords
from compsel.selection.cascade.input_difficulty import InputDifficulty
from compsel.selection.policies import CascadePolicy
from compsel.storage.files import write_json
from compsel.storage.strict_json import read_json
from tests.fleet import simulated

_N = len(ImageFeatures.names)


def looking(old: Path, folder: Path, coefficient: float) -> Path:
    """Write a bundle whose first decision is by how bright the input is: bright ones are easy, the small variant's."""
    shutil.copytree(old, folder)
    policy = Bundle.load(old).policies["adaptive"]
    assert isinstance(policy, CascadePolicy)
    weights = np.where(np.array(ImageFeatures.names) == "brightness", coefficient, 0.0)
    difficulty = InputDifficulty("image", np.full(_N, 128.0), np.full(_N, 30.0), weights, 0.0)
    root, small, both = policy.policy.nodes
    to_small, n = np.zeros((2, len(small.grid))), len(small.grid)
    to_small[0, : n // 2], to_small[1, -2:] = 1 / (n // 2), 1 / 2
    root = replace(root, grid=np.array([0.1, 0.9]), edges={0: to_small, 1: np.ones((2, 1))})
    nodes = (
        root,
        replace(small, coefficients=np.append(small.coefficients, 1.0)),
        replace(both, coefficients=np.append(both.coefficients, 0.0)),
        replace(both, members=(1,), weights=np.ones(1), coefficients=np.zeros(3)),
    )
    found = CascadePolicy(replace(policy.policy, nodes=nodes, difficulty=difficulty), 20.0)
    write_json(folder / "policies.json", {**read_json(folder / "policies.json"), "adaptive": found.to_dict()})
    (folder / "manifest.json").unlink()
    write_manifest(folder, compsel.__version__)
    return folder


@pytest.fixture(name="bundle", scope="module")
def make_bundle(small_model: compsel.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("features")
    plain = simulated.write(small_model, place / "plain", {"small": (1.0, 1.3), "big": (2.0, 2.6)})
    return looking(plain, place / "looking", 1.0)


@pytest.fixture(name="fleet", scope="module")
def make_fleet(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> FleetFolder:
    """Records of a real runtime, some sessions of dark images, some of bright ones, until two of them judge."""
    place, generator = tmp_path_factory.mktemp("fleet"), np.random.default_rng(0)
    for session in range(200):
        names = [path.name for path in (place / "uploads").rglob("*.answers.parquet")]
        if session >= 4 and sum(is_held_out(name.partition("-")[2].partition(".")[0]) for name in names) >= 2:
            break
        with compsel.load(bundle, record=place / "uploads", warm_up=False) as runtime:
            for _ in range(4):
                noise = generator.integers(-20, 20, (64, 64, 3))
                runtime(np.uint8(noise + (40, 215)[session % 2]))
    fleet = FleetFolder(place / "fleet")
    ingest(place / "uploads", fleet)
    merge(fleet)
    return fleet


def without_features(fleet: FleetFolder, place: Path, whole: bool) -> FleetFolder:
    """Copy a fleet whose records lack features: all of them, or those of a bucket that judges alone."""
    copied = FleetFolder(Path(shutil.copytree(fleet.root, place / "fleet")))
    for path in sorted(copied.merged.glob("*/bucket-*.parquet")):
        table = parquet.read_table(path)
        names = [name for name in table.column_names if name.startswith("image.")]
        if not whole and not any(map(is_held_out, table.column("session").to_pylist())):
            continue
        parquet.write_table(table.drop_columns(names), path)
        if not whole:
            break
    return copied


def test_a_replay_runs_what_the_runtime_ran(bundle: Path, fleet: FleetFolder) -> None:
    names = [f"image.{name}" for name in ImageFeatures.names]
    replay = Replay(Bundle.load(bundle), DeviceKind.here(), Bundle.load(bundle), {})
    firsts = set()
    for batch in MergedRecords.open(fleet).batches():
        rows = batch.to_pydict()
        begins = [*np.flatnonzero(np.array(rows["stage"]) == 0), batch.num_rows]
        for begin, end in itertools.pairwise(begins):
            if rows["answer"][begin] > 1:  # the runtime has corrected costs by then
                continue
            features = np.array([rows[name][begin] for name in names], np.float64)
            answer = read_answer({**rows, "right": [np.nan] * batch.num_rows}, begin, end, features)
            found = replay.expect((np.log1p(rows["load_others"][begin]), np.nan), answer)
            ran = {replay.policy.variants[one] for one in np.flatnonzero(found.runs)}
            assert ran == set(answer.variants)
            firsts.add(answer.variants[0])
    assert len(firsts) == 2, "what an input looks like decides"


def test_answers_without_features_are_left_out(bundle: Path, fleet: FleetFolder, tmp_path: Path) -> None:
    other = looking(bundle.parent / "plain", tmp_path / "other", -1.0)
    everything = compare_bundles(fleet, bundle, other)
    assert everything.left_out == 0
    found = compare_bundles(without_features(fleet, tmp_path, whole=False), bundle, other)
    compared = [sum(kind.answers for kind in one.kinds.values()) for one in (everything, found)]
    assert compared[0] >= 8
    assert 0 < found.left_out == compared[0] - compared[1]
    assert f"{found.left_out} answers without features of their input are left out" in found.words


def test_features_that_only_one_decides_by_are_refused(bundle: Path, fleet: FleetFolder) -> None:
    with pytest.raises(BundleError, match="allowed are the same ones"):
        compare_bundles(fleet, bundle, bundle.parent / "plain")


def test_records_without_features_cannot_judge(bundle: Path, fleet: FleetFolder, tmp_path: Path) -> None:
    other = looking(bundle.parent / "plain", tmp_path / "other", -1.0)
    with pytest.raises(ProfileError, match=r"lacks the column 'image\.aspect_ratio'"):
        compare_bundles(without_features(fleet, tmp_path, whole=True), bundle, other)
