"""Merged records: written sorted, read in pieces, with whole sessions held out."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from compsel.errors import ProfileError, UsageError
from compsel.fleet.held_out import HELD_OUT_SHARE, is_held_out
from compsel.fleet.layout import FleetFolder
from compsel.fleet.merged import KEYS, MergedRecords, bucket_of, merged_schema, write_bucket

BUNDLE = "0123456789abcdef"


def rows(installations: int, answers: int) -> pa.Table:
    """Three stages an answer, of devices of two kinds."""
    schema = merged_schema(["image.brightness"])
    who = [f"{number:016x}" for number in range(installations)]
    found = [(one, answer, stage) for one in who for answer in range(answers) for stage in range(3)]
    columns = {
        "device_id": ["a" * 16 if int(one, 16) % 2 else "b" * 16 for one, _, _ in found],
        "installation": [one for one, _, _ in found],
        "session": [f"{(int(one, 16) << 8) + answer % 2:016x}" for one, answer, _ in found],
        "answer": [answer for _, answer, _ in found],
        "stage": [stage for _, _, stage in found],
        "time": [10 * answer + stage for _, answer, stage in found],
    }
    table = pa.table(
        {field.name: pa.array(columns.get(field.name, [None] * len(found)), field.type) for field in schema}
    )
    return table.sort_by([(key, "ascending") for key in KEYS])


@pytest.fixture(name="fleet")
def make_fleet(tmp_path: Path) -> FleetFolder:
    fleet = FleetFolder(tmp_path)
    table = rows(6, 40)
    path = fleet.merged_of(BUNDLE) / f"bucket-{bucket_of('0'):02x}.parquet"
    pieces = [table.slice(begin, 100) for begin in range(0, len(table), 100)]
    assert write_bucket(path, iter(pieces), table.schema) == len(table)
    return fleet


def test_what_was_written_is_read_in_order_and_in_pieces(fleet: FleetFolder) -> None:
    records = MergedRecords.open(fleet)
    batches = list(records.batches(rows=50))
    assert max(batch.num_rows for batch in batches) <= 50
    assert pa.Table.from_batches(batches).equals(rows(6, 40))
    assert next(records.batches(["stage"])).schema.names == ["stage"]


def test_whole_sessions_are_held_out_and_about_a_fifth(fleet: FleetFolder) -> None:
    records = MergedRecords.open(fleet)
    parts = {
        kind: {*pa.Table.from_batches(records.batches(held_out=kind)).column("session").to_pylist()}
        for kind in (True, False)
    }
    assert not parts[True] & parts[False]
    assert len(parts[True] | parts[False]) == 12
    assert all(is_held_out(session) for session in parts[True])
    many = np.mean([is_held_out(f"{number:016x}") for number in range(20_000)])
    assert abs(many - HELD_OUT_SHARE) < 0.01


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_answers_since_a_time_are_whole_wherever_a_batch_ends(fleet: FleetFolder, size: int) -> None:
    since = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=201)  # between two stages of the 20th answer
    records = MergedRecords.open(fleet, since=since)
    found = pa.Table.from_batches(records.batches(["answer", "stage"], rows=size)).to_pylist()
    assert {row["answer"] for row in found} == set(range(21, 40))
    assert len(found) == 6 * 19 * 3
    held_out = pa.Table.from_batches(records.batches(["answer"], held_out=True)).num_rows
    assert 0 < held_out < len(found)


def test_devices_are_chosen(fleet: FleetFolder) -> None:
    found = pa.Table.from_batches(MergedRecords.open(fleet).batches(["installation"], device_ids=["a" * 16]))
    assert {int(one, 16) % 2 for one in found.column("installation").to_pylist()} == {1}


def test_errors_say_what_to_do(fleet: FleetFolder, tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="no column 'colour': it has device_id"):
        list(MergedRecords.open(fleet).batches(["colour"]))
    with pytest.raises(UsageError, match="8 to 64 hexadecimal digits"):
        fleet.records_of("../../etc")
    with pytest.raises(ProfileError, match="run compsel fleet merge"):
        MergedRecords.open(FleetFolder(tmp_path / "other"))
    bucket = next(fleet.merged_of(BUNDLE).iterdir())
    bucket.write_bytes(bucket.read_bytes()[:-20])
    with pytest.raises(ProfileError, match="run compsel fleet merge again"):
        list(MergedRecords(fleet.merged_of(BUNDLE)).batches(["stage"]))


def test_row_groups_hold_whole_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as parquet

    monkeypatch.setattr("compsel.fleet.merged._GROUP_ROWS", 100)
    table = rows(6, 40)
    write_bucket(tmp_path / "bucket-00.parquet", iter([table]), table.schema)
    file = parquet.ParquetFile(tmp_path / "bucket-00.parquet")
    stages = [file.read_row_group(group).column("stage").to_pylist() for group in range(file.num_row_groups)]
    assert len(stages) > 5
    assert {group[0] for group in stages} == {0}
    assert {group[-1] for group in stages} == {2}
