"""What somebody may type wrong after `compsel fleet`: one line says what, and what to do; nothing is lost by it."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import compsel
from compsel.cli.main import main
from compsel.fleet.layout import FleetFolder
from compsel.fleet.releases import Release, Releases, roll_back
from tests.fleet import simulated

Say = Callable[..., str]


@pytest.fixture(scope="module")
def made(small_model: compsel.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `bundle`, `other` and the `fleet` of the first."""
    folder = tmp_path_factory.mktemp("made")
    simulated.write(small_model, folder / "other", {"small": (2.0, 2.3), "big": (6.0, 8.0)})
    bundle = simulated.write(small_model, folder / "bundle", {"small": (1.0, 1.3), "big": (6.0, 8.0)})
    devices = simulated.Fleet({"kind": (1.0, 1.0, 1.0, 1.0)}, devices=3, sessions=3, answers=5)
    shutil.copytree(devices.record(bundle, folder / "made").root, folder / "fleet")
    return folder


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copied = Path(shutil.copytree(made, tmp_path / "here"))
    monkeypatch.chdir(copied)
    return copied


@pytest.fixture
def say(here: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    def run(*words: str, status: int = 2) -> str:
        assert main(["fleet", *words]) == status
        printed = capsys.readouterr()
        return printed.err if status else printed.out

    return run


def everything(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_bundle_that_recorded_is_not_written_over(here: Path, say: Say) -> None:
    before = everything(here / "bundle")
    assert "--out: bundle is the bundle that recorded" in say("retrain", "bundle", "--out", "bundle", "--replace")
    assert everything(here / "bundle") == before


def test_records_of_another_bundle_are_named(say: Say) -> None:
    said = say("retrain", "other", "--out", "new")
    assert "compsel: other (" in said
    assert "no merged records of it, but of" in said
    assert "no merged records of it, but of" in say("compare", "other", "other")
    shutil.rmtree("fleet/merged")
    assert "run compsel fleet merge" in say("retrain", "bundle", "--out", "new")


def test_a_folder_of_something_else_becomes_no_fleet(here: Path, say: Say) -> None:
    before = everything(here / "bundle")
    (here / "uploads").mkdir()
    for words in (["ingest", "uploads"], ["release", "other"]):
        assert "--fleet: bundle holds 'bundle.json', and nothing of a fleet" in say(*words, "--fleet", "bundle")
    assert everything(here / "bundle") == before
    for words in (["merge"], ["retrain", "bundle", "--out", "new"], ["compare", "bundle", "other"], ["rollback"]):
        assert "--fleet: there is no folder flet" in say(*words, "--fleet", "flet")
    assert not (here / "flet").exists()


def test_an_ingest_that_finds_nothing_says_what_it_looked_for(here: Path, say: Say) -> None:
    assert "no records in other: files *.answers.parquet" in say("ingest", "other", status=0)


def test_without_pyarrow_nothing_is_put_aside(here: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = here / "uploads" / "0001"
    folder.mkdir(parents=True)
    part = next((here / "fleet" / "records").rglob("*.answers.parquet"))
    shutil.copy(part, folder)
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    assert "pyarrow is not installed: run pip install 'compsel[train]'" in say("ingest", "uploads", "--fleet", "new")
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert "1 taken in" in say("ingest", "uploads", "--fleet", "new", status=0)


def test_a_folder_is_not_taken_for_the_option_of_its_name(say: Say) -> None:
    assert say("release", "bundle", status=0)
    assert "compsel: bundle: is release 1, the current one" in say("release", "bundle")
    assert "compsel: --bundle: got 'x'" in say("merge", "--bundle", "x")


def test_the_next_command_names_the_fleet_where_it_is_not_the_usual_one(here: Path, say: Say) -> None:
    shutil.copytree(here / "fleet", here / "mine")
    words = ("retrain", "bundle", "--out", "new")
    assert say(*words, status=0).endswith("Next: compsel fleet compare bundle new\n")
    said = say(*words, "--replace", "--fleet", "mine", status=0)
    assert said.endswith("Next: compsel fleet compare bundle new --fleet mine\n")


def test_a_disk_that_is_full_is_said_in_a_line(here: Path, say: Say) -> None:
    resource = pytest.importorskip("resource", reason="Windows limits no size of files")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        said = say("retrain", "bundle", "--out", "new")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert said.splitlines()[-1].startswith("compsel: cannot write new: the file would be larger")
    assert not (here / "new").exists()


def test_rolling_back_goes_by_what_was_current_and_says_where_it_ends(here: Path, say: Say) -> None:
    assert say("release", "bundle", status=0)
    released = Releases.read(FleetFolder(here / "fleet"))
    (digest,) = (entry.bundle for entry in released.history)
    for number in (2, 3):
        shutil.copytree(released.bundle_of(1), released.bundle_of(number))
    # 2 was found wanting, and 3 was released instead
    line = Releases(released.folder, tuple(Release(number, digest, "", "") for number in (1, 2, 1)))
    line.switched(3, digest, "a better one")
    assert roll_back(FleetFolder(here / "fleet")).history[-1].number == 1
    assert "release 1 is the first one" in say("rollback")
    assert "--to: got release 1, the current one already: allowed are 2, 3" in say("rollback", "--to", "1")
    assert "--to: got release 9: allowed are 2, 3" in say("rollback", "--to", "9")
