"""Every bad input gives one clear line and exit status 2; nothing is lost, nothing is half-written."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from compsel.cli.main import main
from tests.bad_input_world import World, make_world, truncated
from tests.bad_inputs import BAD_INPUT, CASES, Case, outcome, profile, run

# real time, or real load, is what is looked at: nothing runs beside
pytestmark = pytest.mark.clock

COMPSEL = [sys.executable, "-m", "compsel"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(made: World, tmp_path: Path) -> World:
    return World(Path(shutil.copytree(made.folder, tmp_path / "world")))


def files(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_gives_one_clear_line_and_changes_nothing(
    case: Case, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    argv = [str(word) for word in case.argv(world)]  # makes the bad input, if it needs a file
    before = files(world.folder)
    status, errors, output = outcome(Case(case.name, lambda _: list(argv), case.says), world)
    beneath = capfd.readouterr()  # what native libraries print goes past sys.stderr
    *earlier, line = errors.splitlines()
    assert status == BAD_INPUT
    assert line.startswith("compsel: ")
    assert case.says in line
    assert case.after_progress or not earlier
    assert not any(text.startswith("compsel: ") or "Traceback" in text for text in earlier)
    assert beneath.err + beneath.out == ""
    if case.name.startswith("--json"):
        assert "photo.jpg" in output, "the answer itself must not be lost"
    after = files(world.folder)
    assert not [path for path in after if ".tmp" in path.name]
    if not case.keeps:
        assert after == before
        assert not world.out.exists()


def encoded(kind: str, folder: Path) -> Path:
    """Write a photograph of an unusual kind."""
    pixels = cv2.resize(np.random.default_rng(1).integers(0, 255, (4, 5, 3), np.uint8), (60, 50))
    path = folder / f"{kind}.png"
    if kind == "cmyk":
        path = folder / "cmyk.jpg"
        Image.fromarray(pixels).convert("CMYK").save(path)
    elif kind == "16-bit":
        assert cv2.imwrite(str(path), pixels.astype(np.uint16) * 257)
    elif kind == "16-bit grey":
        assert cv2.imwrite(str(path), pixels[:, :, 0].astype(np.uint16) * 257)
    elif kind == "grey":
        Image.fromarray(pixels).convert("L").save(path)
    elif kind == "grey and alpha":
        Image.fromarray(pixels).convert("LA").save(path)
    elif kind == "alpha":
        Image.fromarray(pixels).convert("RGBA").save(path)
    elif kind == "palette":
        Image.fromarray(pixels).convert("P").save(path)
    elif kind == "one pixel":
        Image.fromarray(pixels[:1, :1]).save(path)
    else:
        Image.fromarray(pixels[:2].repeat(500, axis=1)).save(path)
    return path


@pytest.mark.parametrize(
    "kind",
    ["cmyk", "16-bit", "16-bit grey", "grey", "grey and alpha", "alpha", "palette", "one pixel", "very wide"],
)
def test_unusual_images_are_answered(world: World, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(word) for word in run(world, encoded(kind, world.folder))]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "cpu:1" in printed.out


def test_of_several_images_the_good_ones_are_answered(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    broken = truncated(world.photo, world)
    good = [world.photo, world.samples / "0.png"]
    status = main(["run", str(world.bundle), str(good[0]), str(broken), str(good[1]), "--json", str(world.out)])
    printed = capsys.readouterr()
    assert status == BAD_INPUT
    assert [line.split(":")[0] for line in printed.err.splitlines()] == ["compsel"]
    assert str(broken) in printed.err
    assert all(str(path) in printed.out for path in good)
    assert str(broken) not in printed.out
    assert world.out.is_file()


def test_interrupted_profile_says_so_and_goes_on_where_it_was(world: World) -> None:
    command = [*COMPSEL, *map(str, profile(world, state=None)), "--state", "idle", "--state", "busy:1"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    idle = world.out / "latency" / "idle.parquet"
    waited = time.monotonic() + 60
    while not idle.exists() and process.poll() is None and time.monotonic() < waited:
        time.sleep(0.02)  # the next state begins with half a second in which the load settles
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1].splitlines()
    assert process.returncode == 130, said
    assert said[-1].startswith("compsel: interrupted: what was measured is kept, run the same command again")
    assert not any("Traceback" in line or "Error" in line for line in said)
    assert not list(world.out.rglob("*.tmp"))
    measured = idle.read_bytes()
    assert not (world.out / "profile.json").exists()

    again = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert again.returncode == 0, again.stderr
    assert "latency, idle" not in again.stderr
    assert "times of 1 choice, idle, busy:1: " in again.stderr
    assert idle.read_bytes() == measured
    assert (world.out / "profile.json").is_file()


def test_full_disk_leaves_nothing_half_written(world: World) -> None:
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)); "
    code = limit + "from compsel.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = ["networks", "export", "mobilenet-v1", "--width", "0.25", "--resolution", "32", "--out", str(world.out)]
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=False)
    assert done.returncode == BAD_INPUT
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("compsel: cannot write")
    assert not world.out.exists()
    assert not list(world.folder.glob(".*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_output_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMPSEL, "networks"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == BAD_INPUT
    assert done.stderr == "compsel: standard output: No space left on device\n"


def test_reader_that_goes_away_is_no_error_message() -> None:
    process = subprocess.Popen([*COMPSEL, "networks"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=60) == BAD_INPUT
