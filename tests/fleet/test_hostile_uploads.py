"""Whatever is uploaded, ingest goes on: the shared checks over every kind of hostile upload."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from compsel.fleet.part_check import check_here
from compsel.runtime.recording.part_reader import read_part
from tests.fleet.recorded import answers, put
from tests.hostile.upload_checks import check_put_aside
from tests.hostile.uploads import GOOD, UPLOADS, HostileUpload, repeated, write

# what the system does to a process where memory runs out, at 250 MB
SMALL_MACHINE = """
import os, signal, threading, time
def watch():
    while True:
        with open("/proc/self/statm") as stream:
            pages = int(stream.read().split()[1])
        if pages * os.sysconf("SC_PAGE_SIZE") > 250e6:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.001)
threading.Thread(target=watch, daemon=True).start()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="has no FIFOs, holes in files or peaks of memory")


def _case(upload: HostileUpload) -> object:
    # making megabytes takes longer than refusing them
    large = re.search(r"megabyte|million|thousand|MB", upload.name)
    return pytest.param(upload, marks=[pytest.mark.slow] if large else [], id=upload.name.replace(" ", "-"))


@pytest.mark.parametrize("upload", [_case(upload) for upload in UPLOADS])
def test_what_is_hostile_is_put_aside_and_the_good_is_taken(upload: HostileUpload, tmp_path: Path) -> None:
    check_put_aside(upload, tmp_path)


def test_a_file_that_ends_the_process_that_reads_it_is_told_alone(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "sitecustomize.py").write_text(SMALL_MACHINE)
    rows = repeated(1_000_000, variant="a" * 120)
    upload = HostileUpload("a file for larger machines", lambda folder: write(folder, rows), "hostile", "SIGKILL")
    (tmp_path / "place").mkdir()
    check_put_aside(upload, tmp_path / "place", modules)


def test_a_library_that_fails_in_its_own_way_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = (put(tmp_path / name, 1, answers([1]), one.header()) for name, one in zip("ab", GOOD, strict=True))

    def failing(path: Path) -> Any:
        if path == bad:
            raise SystemError("error return without exception set")
        return read_part(path)

    monkeypatch.setattr("compsel.fleet.part_check.read_part", failing)
    monkeypatch.setattr("compsel.fleet.part_check._limit_memory", lambda: None)  # it would stay in this process
    found = check_here([(str(path), path.name) for path in (bad, good)])
    assert [one["kind"] for one in found] == ["hostile", ""]
    assert "SystemError" in found[0]["reason"]
