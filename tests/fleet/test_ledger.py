"""The ledger of uploads: only appended to, right after any end, and never believed where it is damaged."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from compsel.fleet.ingest import ingest
from compsel.fleet.layout import FleetFolder
from compsel.fleet.ledger import Ledger
from compsel.fleet.merge import merge
from compsel.fleet.uploads import Upload
from tests.fleet.recorded import Session, answers, put

KILLED = """
import os, signal, sys
from pathlib import Path
from compsel.fleet.ingest import ingest
from compsel.fleet.layout import FleetFolder
left, sync = int(sys.argv[3]), os.fsync
def ending(descriptor):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    sync(descriptor)
os.fsync = ending
ingest(Path(sys.argv[1]), FleetFolder(Path(sys.argv[2])))
"""


@pytest.fixture(name="fleet")
def make_fleet(tmp_path: Path) -> FleetFolder:
    return FleetFolder(tmp_path / "fleet")


def upload(number: int) -> Upload:
    return Upload(Path(f"uploads/{number:06d}.parquet"), f"{number:06d}.parquet", 10, 100_000 + number)


def written_bytes() -> int:
    """Return how many bytes this process has written so far."""
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counts["wchar"])


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="counts what is written as Linux tells it")
def test_what_is_written_for_an_upload_does_not_grow_with_what_is_known(fleet: FleetFolder) -> None:
    cost, number = [], 0
    for known in (0, 30_000):
        ledger = Ledger(fleet, Path("uploads"))
        while number < known:
            ledger.add(upload(number))
            number += 1
        ledger.save()
        before = written_bytes()
        for _ in range(10):
            for _ in range(20):
                ledger.add(upload(number))
                number += 1
            ledger.save()
        cost.append(written_bytes() - before)
    assert cost[1] <= 1.05 * cost[0] < 20_000, cost
    ledger = Ledger(fleet, Path("uploads"))
    assert all(ledger.knows(upload(one)) for one in (0, 100, 29_999, number - 1))
    assert not ledger.knows(upload(number))
    assert not Ledger(fleet, Path("elsewhere")).knows(upload(0))


@pytest.mark.skipif(sys.platform == "win32", reason="kills a process by a signal")
def test_a_kill_at_any_moment_loses_nothing_and_takes_nothing_twice(tmp_path: Path, fleet: FleetFolder) -> None:
    uploads = tmp_path / "uploads"
    sent = {put(uploads, 1, answers(range(3)), Session(number).header()).read_bytes() for number in range(4)}
    (uploads / "note.parquet").write_bytes(b"x")
    # as parts are written, and as the ledger is
    for moment in (3, 5, 7):
        done = subprocess.run([sys.executable, "-c", KILLED, uploads, fleet.root, str(moment)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert {path.read_bytes() for path in fleet.records.rglob("*.parquet")} <= sent
    found = ingest(uploads, fleet)
    assert (found.files, found.taken + found.known + found.put_aside.total()) == (5, 5)
    assert sorted(path.read_bytes() for path in fleet.records.rglob("*.parquet")) == sorted(sent)
    assert len(list(fleet.put_aside.glob("*.json"))) == 1
    assert ingest(uploads, fleet).known == 5
    assert merge(fleet)[0].answers == 12
    assert not list(fleet.incoming.parent.iterdir()), "what was half written is gone"


def test_a_line_that_is_half_there_stands_for_nothing(fleet: FleetFolder) -> None:
    ledger = Ledger(fleet, Path("uploads"))
    for number in range(3):
        ledger.add(upload(number))
    ledger.save()
    (path,) = (fleet.root / "ledgers").rglob("*.jsonl")
    content = path.read_bytes()
    begin = content.index(b'["000002.parquet"')
    for end in (*range(begin, len(content) - 1), len(content)):
        path.write_bytes(content[:end])
        ledger = Ledger(fleet, Path("uploads"))
        assert [ledger.knows(upload(number)) for number in range(3)] == [True, True, end == len(content)]
        ledger.add(upload(2))
        ledger.add(upload(3))
        ledger.save()
        ledger = Ledger(fleet, Path("uploads"))
        assert all(ledger.knows(upload(number)) for number in range(4))


def test_files_of_the_ledger_stay_small(fleet: FleetFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compsel.fleet.ledger._MOST_BYTES", 2000)
    for number in range(100):
        ledger = Ledger(fleet, Path("uploads"))
        ledger.add(upload(number))
        ledger.save()
    sizes = [path.stat().st_size for path in (fleet.root / "ledgers").rglob("*.jsonl")]
    assert len(sizes) > 1
    assert max(sizes) < 2100
    assert all(Ledger(fleet, Path("uploads")).knows(upload(number)) for number in range(100))


def test_names_that_are_no_text_are_known(fleet: FleetFolder) -> None:
    odd = Upload(Path("x"), os.fsdecode(b"\xff\n.parquet"), 1, 1)
    ledger = Ledger(fleet, Path("uploads"))
    ledger.add(odd)
    ledger.save()
    assert Ledger(fleet, Path("uploads")).knows(odd)
