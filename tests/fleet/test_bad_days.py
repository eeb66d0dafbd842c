"""Ingest on bad days: uploads that mean to stop it, disks that fail or are full, notes that are damaged."""

import math
import os
from pathlib import Path

import pyarrow as pa
import pytest

from compsel.cli.main import main
from compsel.errors import StorageError
from compsel.fleet.ingest import ingest
from compsel.fleet.layout import FleetFolder
from tests.fleet.recorded import Session, answers, put


@pytest.fixture(name="fleet")
def make_fleet(tmp_path: Path) -> FleetFolder:
    return FleetFolder(tmp_path / "fleet")


def test_a_bundle_that_is_no_hash_stops_nobody(tmp_path: Path, fleet: FleetFolder) -> None:
    put(tmp_path / "uploads" / "a", 1, answers([1]), Session(1).header(bundle="../../../evil"))
    put(tmp_path / "uploads" / "b", 1, answers([1]), Session(2).header())
    found = ingest(tmp_path / "uploads", fleet)
    assert (found.taken, found.put_aside) == (1, {"hostile": 1})
    assert "no hash" in found.reasons[next(iter(found.reasons))]


def test_a_part_that_grew_may_hold_nan(tmp_path: Path, fleet: FleetFolder) -> None:
    for folder, count in (("a", 2), ("b", 4)):
        table = answers(range(count))
        place = table.schema.get_field_index("image.brightness")
        values = pa.array([math.nan] * table.num_rows, pa.float32())
        table = table.set_column(place, table.schema.field(place), values)
        put(tmp_path / folder, 1, table, Session(1).header())
        assert ingest(tmp_path / folder, fleet).taken == 1


def test_what_cannot_be_read_now_is_left_and_taken_later(
    tmp_path: Path, fleet: FleetFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "uploads", 1, answers([1]), Session(1).header())

    def broken(*arguments: object, **options: object) -> int:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("compsel.fleet.ingest.open_descriptor", broken)
        found = ingest(tmp_path / "uploads", fleet)
    assert (found.put_aside.total(), len(found.left)) == (0, 1)
    assert ingest(tmp_path / "uploads", fleet).taken == 1


def test_a_full_disk_is_an_error_and_loses_nothing(
    tmp_path: Path, fleet: FleetFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "uploads", 1, answers([1]), Session(1).header())

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(StorageError, match="no space is left"):
        patch.setattr(Path, "write_bytes", full)
        ingest(tmp_path / "uploads", fleet)
    assert ingest(tmp_path / "uploads", fleet).taken == 1


def test_a_ledger_that_is_damaged_is_made_anew(tmp_path: Path, fleet: FleetFolder) -> None:
    put(tmp_path / "uploads", 1, answers([1]), Session(1).header())
    ingest(tmp_path / "uploads", fleet)
    (ledger,) = (fleet.root / "ledgers").rglob("*.jsonl")
    ledger.write_bytes(b"{")
    found = ingest(tmp_path / "uploads", fleet)
    assert (found.taken, found.known) == (0, 1)


@pytest.mark.skipif(os.name == "nt", reason="names of files are texts there")
def test_names_that_are_no_text_are_told_in_escapes(
    tmp_path: Path, fleet: FleetFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / os.fsdecode(b"\xff\x1b[31m.parquet")).write_bytes(b"x")
    assert main(["fleet", "ingest", str(tmp_path / "uploads"), "--fleet", str(fleet.root)]) == 0
    said = capsys.readouterr().out
    assert r"\udcff\x1b[31m" in said
    assert "\x1b" not in said
