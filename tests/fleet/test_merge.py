"""Merge: one table, whatever the order, the pieces and the number of times in which records came."""

import itertools
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compsel.errors import ProfileError
from compsel.fleet.ingest import ingest
from compsel.fleet.layout import FleetFolder
from compsel.fleet.merge import merge
from compsel.fleet.merged import MergedRecords
from tests.fleet.recorded import BUNDLE, Session, answers, outcomes, put

SESSIONS = [Session(number, device=f"kind {number % 2}") for number in range(6)]


def tables(fleet: FleetFolder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(fleet.merged_of(BUNDLE).glob("*.parquet"))}


def write_all(folder: Path, cuts: list[int], twice: bool) -> None:
    """Every session answers ten times, in parts that are cut somewhere; outcomes come later, one twice."""
    for session in SESSIONS:
        edges = [0, *sorted(cuts), 10]
        for number, (begin, end) in enumerate(itertools.pairwise(edges), 1):
            if begin < end:
                put(folder / session.id, number, answers(range(begin, end)), session.header(dropped=2))
        if twice:
            put(folder / session.id, 90, answers(range(10)), session.header(dropped=2))
        heard = outcomes(session.id, {1: 0.0, 4: 1.0, 77: 1.0}, at=1)
        put(folder / session.id, 91, heard, session.header("outcomes"))
        put(folder / session.id, 92, outcomes(session.id, {1: 1.0}, at=2), session.header("outcomes"))


def test_merged_rows_are_sorted_once_and_have_outcomes(tmp_path: Path) -> None:
    fleet = FleetFolder(tmp_path / "fleet")
    write_all(tmp_path / "uploads", [3], twice=True)
    ingest(tmp_path / "uploads", fleet)
    (found,) = merge(fleet)
    assert (found.answers, found.rows, found.duplicates) == (60, 120, 120)
    assert (found.devices, found.installations, found.dropped, found.outcomes) == (2, 2, 12, 12)
    records = MergedRecords.open(fleet)
    rows = pa.Table.from_batches(records.batches()).to_pandas()
    assert not rows.duplicated(["session", "answer", "stage"]).any()
    right = rows.groupby("answer")["right"].first()
    assert (right[1], right[4], np.isnan(right[0])) == (1.0, 1.0, True), "the last word counts"
    assert records.devices.column("n_answers").to_pylist() == [30, 30]
    assert rows["image.brightness"].notna().all()
    assert rows["load_others"].isna().all()


@given(
    cuts=st.lists(st.integers(1, 9), max_size=3),
    twice=st.booleans(),
    order=st.permutations(range(3)),
    first=st.integers(0, 3),
)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_bytes_come_out_whatever_the_way_in(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], twice: bool, order: list[int], first: int
) -> None:
    place = tmp_path_factory.mktemp("fleet")
    write_all(place / "all", [], twice=False)
    whole = FleetFolder(place / "whole")
    ingest(place / "all", whole)
    merge(whole)
    write_all(place / "pieces", cuts, twice)
    fleet = FleetFolder(place / "bit by bit")
    for step, number in enumerate(order):
        (place / f"upload {step}").mkdir()
        for session in SESSIONS[2 * number : 2 * number + 2]:
            (place / "pieces" / session.id).rename(place / f"upload {step}" / session.id)
        ingest(place / f"upload {step}", fleet)
        if step == first:
            merge(fleet)
    merge(fleet)
    assert tables(fleet) == tables(whole)


def test_only_what_changed_is_merged_again(tmp_path: Path) -> None:
    fleet = FleetFolder(tmp_path / "fleet")
    write_all(tmp_path / "uploads", [5], twice=False)
    ingest(tmp_path / "uploads", fleet)
    assert merge(fleet)[0].changed == 6
    assert merge(fleet)[0].changed == 0
    put(tmp_path / "more", 3, answers(range(10, 12)), SESSIONS[0].header())
    put(tmp_path / "more", 95, outcomes(SESSIONS[1].id, {5: 1.0}, at=3), SESSIONS[1].header("outcomes"))
    ingest(tmp_path / "more", fleet)
    (found,) = merge(fleet)
    assert (found.changed, found.answers, found.outcomes) == (2, 62, 13)
    shutil.rmtree(fleet.merged)
    before = tables(fleet)
    merge(fleet)
    assert before == {}
    assert merge(fleet)[0].changed == 0


def opened_files(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return a list of the files that are opened from here on."""
    opened, real = [], Path.open

    def noting(self: Path, *arguments: Any, **options: Any) -> Any:
        opened.append(self)
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", noting)
    return opened


def test_what_has_not_changed_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compsel.fleet.stored_parts._SETTLED_NS", 0)
    fleet = FleetFolder(tmp_path / "fleet")
    write_all(tmp_path / "uploads", [5], twice=False)
    ingest(tmp_path / "uploads", fleet)
    first, whole = merge(fleet)[0], tables(fleet)
    with monkeypatch.context() as patch:
        opened = opened_files(patch)
        second = merge(fleet)[0]
    assert not [path for path in opened if path.suffix == ".parquet"], "neither parts nor tables"
    assert second == replace(first, changed=0)
    put(tmp_path / "more", 3, answers(range(10, 12)), SESSIONS[0].header())
    ingest(tmp_path / "more", fleet)
    with monkeypatch.context() as patch:
        opened = opened_files(patch)
        assert merge(fleet)[0].changed == 1
    read = {path.name[9:25] for path in opened if path.is_relative_to(fleet.records)}
    assert read == {SESSIONS[0].id}
    assert tables(fleet) != whole
    (fleet.merged_of(BUNDLE) / "devices.parquet").unlink()
    assert merge(fleet)[0].answers == 62
    assert "devices.parquet" in tables(fleet)


@pytest.mark.parametrize("settled", [0, 10**12])
def test_a_part_of_the_same_size_and_time_is_no_reason_to_believe_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled: int
) -> None:
    monkeypatch.setattr("compsel.fleet.stored_parts._SETTLED_NS", settled)
    fleet, session = FleetFolder(tmp_path / "fleet"), SESSIONS[0]
    put(tmp_path / "uploads", 1, answers(range(5)), session.header(dropped=2))
    ingest(tmp_path / "uploads", fleet)
    assert merge(fleet)[0].dropped == 2
    (part,) = fleet.records.rglob("*.parquet")
    seen = part.stat()
    put(tmp_path / "other", 1, answers(range(5)), session.header(dropped=3))
    shutil.copyfile(next((tmp_path / "other").iterdir()), part)
    os.utime(part, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert (part.stat().st_size, part.stat().st_mtime_ns) == (seen.st_size, seen.st_mtime_ns)
    assert merge(fleet)[0].dropped == 3


def test_after_a_merge_that_is_ended_the_next_one_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compsel.fleet.stored_parts._SETTLED_NS", 0)
    fleet, whole = FleetFolder(tmp_path / "fleet"), FleetFolder(tmp_path / "whole")
    write_all(tmp_path / "uploads", [5], twice=False)
    ingest(tmp_path / "uploads", whole)
    expected = merge(whole)[0]
    ingest(tmp_path / "uploads" / SESSIONS[0].id, fleet)
    merge(fleet)
    ingest(tmp_path / "uploads", fleet)

    def ended(*arguments: object) -> None:
        raise KeyboardInterrupt

    for place in ("write_bucket", "write_devices"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(f"compsel.fleet.merge.{place}", ended)
            merge(fleet)
    assert replace(merge(fleet)[0], changed=6) == expected
    assert tables(fleet) == tables(whole)


def test_more_records_than_memory_make_more_buckets(tmp_path: Path) -> None:
    fleet = FleetFolder(tmp_path / "fleet")
    write_all(tmp_path / "uploads", [5], twice=False)
    ingest(tmp_path / "uploads", fleet)
    merge(fleet)
    before = pa.Table.from_batches(MergedRecords.open(fleet).batches()).to_pandas()
    (found,) = merge(fleet, memory_limit_mb=0.001)
    after = pa.Table.from_batches(MergedRecords.open(fleet).batches()).to_pandas()
    keys = ["session", "answer", "stage"]
    assert found.changed == found.buckets
    assert after.sort_values(keys, ignore_index=True).equals(before.sort_values(keys, ignore_index=True))


def test_nothing_to_merge_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="run compsel fleet ingest"):
        merge(FleetFolder(tmp_path))


def test_a_merge_that_is_ended_among_other_buckets_leaves_no_wrong_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = FleetFolder(tmp_path / "fleet")
    write_all(tmp_path / "uploads", [5], twice=False)
    ingest(tmp_path / "uploads", fleet)
    merge(fleet)
    whole = tables(fleet)
    with monkeypatch.context() as patch:
        # as if the process were killed: what was merged is there, the manifest is not written
        patch.setattr("compsel.fleet.merge.write_json", lambda *arguments: None)
        merge(fleet, memory_limit_mb=0.001)
    for name in whole.keys() - tables(fleet).keys():
        (fleet.merged_of(BUNDLE) / name).write_bytes(b"of other buckets")
    merge(fleet)
    assert tables(fleet) == whole
