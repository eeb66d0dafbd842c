"""Where the work of a profile runs changes nothing of it; costs are measured when no worker is left."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from compsel.building.verbs.profile import profile
from compsel.cli.main import main
from compsel.models.model import Model
from compsel.parallel.backend import Backend
from compsel.parallel.engines.joblib_processes import end_processes
from compsel.progress import Reporter
from tests.clusters import dask_cluster

OPTIONS = ("--technique", "int8-static", "--technique", "float16", "--processor", "cpu:1", "--state", "idle")
_SCRIPT = """
from dataclasses import dataclass
import compsel
from compsel.techniques import parse

@compsel.register_technique
@dataclass(frozen=True)
class Rounded(compsel.Technique):
    name = "rounded"
    def _transform(self, model, calibration):
        return parse("float16").apply(model, calibration)

if __name__ == "__main__":
    (report,) = compsel.compress("small.onnx", "rounded", "own", samples="images", seconds=0, jobs=2)
    print(report.path)
"""


@pytest.fixture(autouse=True, scope="module")
def _no_processes_stay() -> Iterator[None]:
    yield
    end_processes()


@pytest.fixture(scope="module")
def world(small_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    small_model.save(folder / "small.onnx")
    (folder / "images").mkdir()
    generator = np.random.default_rng(0)
    for index in range(24):
        cv2.imwrite(str(folder / "images" / f"{index:02}.png"), generator.integers(0, 255, (64, 64, 3), np.uint8))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Return what depends on no device."""
    found = [*folder.glob("quality/*"), *folder.glob("variants/**/*"), folder / "features.parquet"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.is_file()}


@pytest.mark.slow
def test_the_same_profile_for_any_number_of_processes_and_by_dask(world: Path) -> None:
    command = ["profile", str(world / "small.onnx"), "--samples", str(world / "images"), "--budget", "0.2", *OPTIONS]
    assert main([*command, "--out", str(world / "one"), "--jobs", "1"]) == 0
    assert main([*command, "--out", str(world / "two"), "--jobs", "2"]) == 0
    with dask_cluster(2) as cluster:
        dask = ("--backend", "dask", "--scheduler", cluster.scheduler_address)
        assert main([*command, "--out", str(world / "dask"), *dask]) == 0
    assert len(contents(world / "one")) > 8
    assert contents(world / "one") == contents(world / "two") == contents(world / "dask")
    assert not (world / "two" / "shards").exists()


@pytest.mark.slow
def test_costs_are_measured_when_no_worker_is_left(world: Path) -> None:
    class Looks(Reporter):
        """Counts the processes of joblib at the begin of each phase."""

        def __init__(self) -> None:
            self.seen: dict[str, int] = {}

        @contextmanager
        def phase(self, label: str, steps: int | None = None) -> Iterator[None]:
            workers = [one for one in psutil.Process().children() if "loky" in " ".join(one.cmdline())]
            self.seen[label.partition(" ")[0]] = len(
                [one for one in workers if "tracker" not in " ".join(one.cmdline())]
            )
            yield

    looks = Looks()
    images = world / "images"
    how = {"technique": "float16", "processor": "cpu:1", "state": "idle", "budget": 0.2}
    profile(world / "small.onnx", images, world / "alone", backend=Backend.local(2), reporter=looks, **how)
    assert looks.seen["answers"] == 2  # those that made the variants
    assert looks.seen["times"] == looks.seen["memory"] == 0


def test_a_technique_of_the_program_itself_works_in_workers(world: Path) -> None:
    (world / "own.py").write_text(_SCRIPT, encoding="utf-8")
    done = subprocess.run([sys.executable, "own.py"], cwd=world, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(Path("own") / "small.rounded.onnx")


def test_what_contradicts_itself_is_said_before_work(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compress", str(world / "small.onnx"), "--out", str(world / "none")]
    assert main([*command, "--backend", "dask"]) == 2
    assert "got no address: give --scheduler ADDRESS" in capsys.readouterr().err
    assert main([*command, "--backend", "dask", "--scheduler", "tcp://127.0.0.1:9"]) == 2
    assert "nobody answers there" in capsys.readouterr().err


def test_characterize_makes_variants_elsewhere(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["characterize", str(world / "small.onnx"), "--samples", str(world / "images"), "--out"]
    more = ["--technique", "float16", "--technique", "student", "--processor", "cpu:1", "--budget", "0.02"]
    assert main([*command, str(world / "c1"), *more]) == 0
    assert main([*command, str(world / "c2"), *more, "--jobs", "2"]) == 0
    said = capsys.readouterr().err
    assert said.count("small/float16@cpu:1: ") == 2
    reasons = [line for line in said.splitlines() if line.startswith("small/student: left out: ")]
    assert len(reasons) == 2 and reasons[0] == reasons[1]
