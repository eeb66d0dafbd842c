"""Merge: what parts unpack to may be far more than they have as files; memory is bounded all the same."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from compsel.cli.main import main
from compsel.fleet.ingest import ingest
from compsel.fleet.layout import FleetFolder
from compsel.fleet.merge import merge
from compsel.fleet.merged import MergedRecords
from tests.fleet.recorded import BUNDLE, Session, answers, outcomes, put

SESSIONS = [Session(number, device=f"kind {number % 2}") for number in range(5)]
MERGE = """
import sys
import pyarrow
from pathlib import Path
from compsel.fleet.layout import FleetFolder
from compsel.fleet.merge import merge
merge(FleetFolder(Path(sys.argv[1])), memory_limit_mb=200.0)
print(pyarrow.default_memory_pool().max_memory())
"""


def made(place: Path) -> FleetFolder:
    """A fleet in which every session has two parts, one of them twice, and outcomes, one of them twice."""
    for session in SESSIONS:
        # of one bucket
        header = replace(session.header(), session=f"{64 * (session.number + 1):016x}")
        for number, begin in ((1, 0), (2, 6), (3, 6)):
            put(place / "uploads" / session.id, number, answers(range(begin, begin + 6)), header)
        for number, right in enumerate((0.0, 1.0)):
            heard = outcomes(header.session, {1: right, 8: 1.0}, at=number)
            put(place / "uploads" / session.id, 4 + number, heard, replace(header, kind="outcomes"))
    fleet = FleetFolder(place / "fleet")
    ingest(place / "uploads", fleet)
    return fleet


def tables(fleet: FleetFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in fleet.merged_of(BUNDLE).glob("*.parquet")}


def test_the_same_bytes_come_out_however_much_is_merged_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, pieces = made(tmp_path / "whole"), made(tmp_path / "pieces")
    expected = merge(whole)
    assert (expected[0].duplicates, expected[0].outcomes) == (60, 10)
    monkeypatch.setattr("compsel.fleet.merge._ROWS_SHARE", 1e-9)
    monkeypatch.setattr("compsel.fleet.bucket_merge._SLICE_ROWS", 5)
    monkeypatch.setattr("compsel.fleet.outcome_buckets._MOST_ROWS", 3)
    assert merge(pieces) == expected
    assert tables(pieces) == tables(whole)


def test_a_session_of_more_rows_than_any_runtime_writes_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("compsel.fleet.bucket_merge._SESSION_BYTES", 12_000)
    put(tmp_path / "uploads", 1, answers(range(10)), SESSIONS[0].header())
    for number in range(2, 9):
        put(tmp_path / "uploads", number, answers(range(20 * number, 20 * number + 20)), SESSIONS[1].header())
    fleet = FleetFolder(tmp_path / "fleet")
    ingest(tmp_path / "uploads", fleet)
    assert main(["fleet", "merge", "--fleet", str(fleet.root)]) == 0
    assert "6 parts are left out" in capsys.readouterr().out
    (found,) = merge(fleet)
    assert (found.answers, found.left_out, found.changed) == (30, 6, 0)


def test_columns_that_few_parts_have_are_left_out_where_there_are_very_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compsel.fleet.bucket_merge._MOST_FEATURES", 1)
    many = answers(range(3))
    for name in ("a.a", "b.b"):
        many = many.append_column(name, pa.array(np.ones(many.num_rows, np.float32)))
    for number, table in enumerate((answers(range(3)), answers(range(3)), many), 1):  # of one bucket
        header = replace(SESSIONS[0].header(), session=f"{64 * number:016x}")
        put(tmp_path / "uploads", 1, table, header)
    fleet = FleetFolder(tmp_path / "fleet")
    ingest(tmp_path / "uploads", fleet)
    assert merge(fleet)[0].answers == 9
    assert [name for name in MergedRecords.open(fleet).columns if "." in name] == ["image.brightness"]


@pytest.mark.slow
def test_parts_of_a_hundred_kilobytes_take_no_gigabyte(tmp_path: Path) -> None:
    rows, one = 100_000, answers([1])
    columns = {name: pa.repeat(one.column(name)[0], rows) for name in one.column_names}
    columns |= {"answer": pa.array(np.arange(rows)), "variant": pa.repeat(pa.scalar("a" * 120), rows)}
    for number in range(1, 13):  # of one bucket
        header = replace(SESSIONS[0].header(), session=f"{64 * number:016x}")
        put(tmp_path / "uploads", 1, pa.table(columns), header)
    fleet = FleetFolder(tmp_path / "fleet")
    assert ingest(tmp_path / "uploads", fleet).taken == 12
    assert sum(path.stat().st_size for path in fleet.records.rglob("*.parquet")) < 200_000
    done = subprocess.run([sys.executable, "-c", MERGE, fleet.root], check=True, capture_output=True, text=True)
    # 204 MB; 785 MB where a bucket is merged at once
    assert int(done.stdout) < 400e6
    # a table that takes so much more room than its file is read all the same: it is ours
    assert sum(batch.num_rows for batch in MergedRecords.open(fleet).batches(["answer"])) == 12 * rows
