"""Measured, trained and recorded beyond this machine: the whole path in memory and on a server that speaks S3."""

from pathlib import Path

import fsspec
import numpy as np
import pytest

import compsel
from compsel.cli.main import main
from compsel.networks import build as build_network
from tests.storage.locations.test_mirror import at, own_cache, run_server

__all__ = ["own_cache", "run_server"]


@pytest.fixture(scope="module", name="model")
def make_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small.onnx"
    path.write_bytes(build_network("mobilenet-v1", width=0.25, resolution=32, classes=4).serialize())
    return path


@pytest.fixture(params=["memory", "s3"], name="place")
def make_place(request: pytest.FixtureRequest, port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    at(port, monkeypatch)
    name = f"whole-{request.param}"
    if request.param == "s3":
        fsspec.filesystem("s3").mkdirs(name, exist_ok=True)
    return f"{request.param}://{name}"


@pytest.mark.slow
def test_profile_train_and_run_from_elsewhere(
    place: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    numbers = np.random.default_rng(0)
    samples = tmp_path / "samples.npz"
    np.savez(samples, x=numbers.integers(0, 256, (24, 32, 32, 3), np.uint8))
    files, root = fsspec.url_to_fs(place)
    files.put_file(str(samples), f"{root}/samples.npz")
    files.put_file(str(model), f"{root}/small.onnx")
    given = [f"{place}/small.onnx", "--samples", f"{place}/samples.npz", "--out", f"{place}/profile"]
    options = ["--technique", "none", "--state", "idle", "--processor", "cpu:1"]
    assert main(["profile", *given, *options]) == 0, capsys.readouterr().err
    assert files.exists(f"{root}/profile/profile.json")
    assert len(compsel.Profile.load(f"{place}/profile").samples) == 24
    assert main(["train", f"{place}/profile", "--out", f"{place}/bundle", "--replace"]) == 0, capsys.readouterr().err
    with compsel.load(compsel.fetch(f"{place}/bundle"), record=tmp_path / "records") as runtime:
        runtime(np.zeros((32, 32, 3), np.uint8))
    for path in (tmp_path / "records").glob("*.parquet"):
        files.put_file(str(path), f"{root}/records/{path.name}")
    assert len(compsel.records(f"{place}/records")) == 1
    assert main(["fleet", "ingest", f"{place}/records", "--fleet", f"{place}/fleet"]) == 0, capsys.readouterr().err
    assert main(["fleet", "merge", "--fleet", f"{place}/fleet"]) == 0, capsys.readouterr().err
    assert files.glob(f"{root}/fleet/merged/*/devices.parquet")


def test_errors_name_the_address(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    fsspec.filesystem("memory").pipe_file("whole-memory/empty/note.txt", b"")
    assert main(["train", "memory://whole-memory/empty", "--out", "nowhere"]) == 2
    assert "memory://whole-memory/empty" in capsys.readouterr().err
    assert main(["train", f"{place}/no-such-profile", "--out", "nowhere"]) == 2
    assert f"{place}/no-such-profile" in capsys.readouterr().err
