"""Ingest: what devices sent is taken in whole and once; what is broken or meant to harm is put aside with a reason."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compsel.cli.main import main
from compsel.errors import ProfileError, UsageError
from compsel.fleet.ingest import ingest
from compsel.fleet.layout import FleetFolder
from compsel.fleet.notes import read_notes
from compsel.fleet.put_aside import put_aside_reasons
from tests.fleet.recorded import BUNDLE, Session, answers, outcomes, put


@pytest.fixture(name="fleet")
def make_fleet(tmp_path: Path) -> FleetFolder:
    return FleetFolder(tmp_path / "fleet")


def test_parts_are_taken_in_whole_and_once(tmp_path: Path, fleet: FleetFolder) -> None:
    uploads, session = tmp_path / "uploads", Session(1)
    part = put(uploads / "phone", 1, answers(range(5)), session.header())
    put(uploads / "phone", 2, outcomes(session.id, {3: 1.0}), session.header("outcomes"))
    found = ingest(uploads, fleet)
    assert (found.files, found.taken, found.rows) == (2, 2, 11)
    (taken,) = fleet.records.rglob("*.parquet")
    assert taken.read_bytes() == part.read_bytes()
    assert taken.parent == fleet.records_of(BUNDLE, session.header().device_id)
    assert len(list(fleet.outcomes.iterdir())) == 1
    again = ingest(uploads, fleet)
    assert (again.taken, again.known) == (0, 2)
    # by another way, under another folder
    shutil.copytree(uploads, tmp_path / "late" / "again")
    late = ingest(tmp_path / "late", fleet)
    assert (late.taken, late.known, late.put_aside.total()) == (0, 2, 0)


def test_a_part_that_grew_takes_the_place_of_the_one_before(tmp_path: Path, fleet: FleetFolder) -> None:
    header = Session(1).header()
    for folder, count in (("a", 3), ("b", 9), ("c", 5)):
        put(tmp_path / folder, 1, answers(range(count)), header)
    assert ingest(tmp_path / "a", fleet).taken == 1
    assert ingest(tmp_path / "b", fleet).taken == 1
    assert ingest(tmp_path / "c", fleet).known == 1, "an older state of it"
    (taken,) = fleet.records.rglob("*.parquet")
    assert taken.read_bytes() == next((tmp_path / "b").iterdir()).read_bytes()
    put(tmp_path / "d", 1, answers(range(100, 120)), header)
    found = ingest(tmp_path / "d", fleet)
    assert found.put_aside == {"hostile": 1}
    assert "contradicts" in next(iter(found.reasons.values()))


def test_what_is_broken_or_meant_to_harm_is_put_aside_with_the_reason(tmp_path: Path, fleet: FleetFolder) -> None:
    uploads, session = tmp_path / "uploads", Session(1)
    good = put(uploads / "good", 1, answers(range(4)), session.header())
    content = good.read_bytes()
    flipped = bytearray(content)
    flipped[60:90] = bytes(30)
    name = good.name
    bad = {
        "damaged": {"cut": content[:-30], "flipped": bytes(flipped), "empty": b""},
        "foreign": {"note": b"PAR1"},
    }
    for kind in bad.values():
        for folder, data in kind.items():
            (uploads / folder).mkdir()
            (uploads / folder / ("note.parquet" if folder == "note" else name)).write_bytes(data)
    put(uploads / "other-device", 1, answers([1]), session.header(device_id="f" * 16))
    put(uploads / "newer", 1, answers([1]), replace(session.header(), format_version=99))
    put(uploads / "no-bundle", 1, answers([1]), session.header(bundle=""))
    shutil.copy(good, uploads / "other-device" / name.replace(session.id, "0" * 16))
    (uploads / "link").mkdir()
    (uploads / "link" / name).symlink_to(good)
    os.mkfifo(uploads / "link" / name.replace("00000001", "00000002"))
    found = ingest(uploads, fleet)
    assert found.taken == 1, found.reasons
    assert found.put_aside == {"damaged": 3, "foreign": 2, "hostile": 4, "version": 1}, found.reasons
    reasons = put_aside_reasons(fleet.put_aside)
    assert len(reasons) == 10
    assert {one["kind"] for one in reasons.values()} == set(found.put_aside)
    assert all(one["reason"] and one["file"] for one in reasons.values())
    assert not any(path.is_symlink() for path in fleet.root.rglob("*"))
    assert ingest(uploads, fleet).put_aside.total() == 0, "they are known"


def test_a_newer_format_is_taken_in_by_a_compsel_that_reads_it(
    tmp_path: Path, fleet: FleetFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "uploads", 1, answers([1]), Session(1).header())
    header = Session(2).header()
    path = put(tmp_path / "uploads", 1, answers([1]), replace(header, format_version=99))
    assert ingest(tmp_path / "uploads", fleet).put_aside == {"version": 1}
    (kept,) = (one for one in fleet.put_aside.iterdir() if not one.name.endswith(".json"))
    path.unlink()
    kept.write_bytes(put(tmp_path / "readable", 1, answers([1]), header).read_bytes())
    monkeypatch.setattr("compsel.__version__", "99.0")
    assert ingest(tmp_path / "uploads", fleet).taken == 1


def test_only_what_a_newer_compsel_wrote_is_looked_at_again_and_once(
    tmp_path: Path, fleet: FleetFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def noting(path: Path) -> dict[str, Any]:
        read.append(path.name)
        return read_notes(path)

    for place in ("ingest", "put_aside"):
        monkeypatch.setattr(f"compsel.fleet.{place}.read_notes", noting)
    uploads, header = tmp_path / "uploads", Session(1).header()
    newer = put(uploads, 1, answers([1]), replace(header, format_version=99))
    for number in range(5):
        (uploads / f"{number}.parquet").write_bytes(b"x")
    assert ingest(uploads, fleet).put_aside == {"version": 1, "foreign": 5}
    (uploads / "more.parquet").write_bytes(b"x")
    assert ingest(uploads, fleet).put_aside == {"foreign": 1}
    assert not read
    monkeypatch.setattr("compsel.__version__", "99.0")
    for _ in range(2):
        assert ingest(uploads, fleet).known == 7
    assert [name[17:] for name in read] == [f"{newer.name}.reason.json"], "what it cannot read either is left"
    # a list of a version that kept none is made once
    fleet.newer.unlink()
    for _ in range(2):
        ingest(uploads, fleet)
    assert len(read) == 9
    with fleet.newer.open("ab") as stream:
        stream.write(b'{"half')
    put(uploads / "later", 1, answers([1]), replace(Session(2).header(), format_version=99))
    assert ingest(uploads, fleet).put_aside == {"version": 1}
    for kept in list(fleet.put_aside.glob("*.answers.parquet")):
        session = next(one for one in (Session(1), Session(2)) if one.id in kept.name)
        kept.write_bytes(put(tmp_path / "readable", 1, answers([1]), session.header()).read_bytes())
    monkeypatch.setattr("compsel.__version__", "100.0")
    assert ingest(uploads, fleet).taken == 2
    assert len(list(fleet.put_aside.iterdir())) == 12
    assert not fleet.newer.read_bytes()


def test_what_a_newer_compsel_wrote_stays_put_aside_where_it_contradicts_what_is_there(
    tmp_path: Path, fleet: FleetFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = Session(1).header()
    put(tmp_path / "a", 1, answers([1]), header)
    put(tmp_path / "b", 1, answers([5, 6]), replace(header, format_version=99))
    for folder in "ab":
        ingest(tmp_path / folder, fleet)
    (kept,) = fleet.put_aside.glob("*.answers.parquet")
    kept.write_bytes(put(tmp_path / "readable", 1, answers([5, 6]), header).read_bytes())
    monkeypatch.setattr("compsel.__version__", "99.0")
    assert ingest(tmp_path / "a", fleet).put_aside == {"hostile": 1}
    assert kept.is_file()


def test_a_sender_fills_no_fleet(tmp_path: Path, fleet: FleetFolder) -> None:
    uploads = tmp_path / "uploads"
    sizes = [
        put(uploads / "greedy", number, answers(range(50)), Session(number).header()).stat().st_size
        for number in range(1, 6)
    ]
    put(uploads / "modest", 1, answers([1]), Session(9).header())
    found = ingest(uploads, fleet, sender_limit_mb=2.5 * sizes[0] / 1e6)
    assert found.senders == {"greedy": 2, "modest": 1}
    assert len(found.left) == 3
    assert ingest(uploads, fleet, sender_limit_mb=1.0).senders == {"greedy": 3}, "they come in the next time"


def test_other_bundles_are_left_where_they_are(tmp_path: Path, fleet: FleetFolder) -> None:
    put(tmp_path / "uploads", 1, answers([1]), Session(1).header())
    put(tmp_path / "uploads", 1, answers([1]), Session(2, bundle="f" * 16).header())
    found = ingest(tmp_path / "uploads", fleet, bundles=["f" * 16])
    assert (found.taken, len(found.left)) == (1, 1)
    assert ingest(tmp_path / "uploads", fleet).taken == 1


def test_wrong_words_are_told(tmp_path: Path, fleet: FleetFolder) -> None:
    with pytest.raises(ProfileError, match="no such folder of uploads"):
        ingest(tmp_path / "nowhere", fleet)
    with pytest.raises(UsageError, match="sender_limit_mb"):
        ingest(tmp_path, fleet, sender_limit_mb=float("nan"))


def test_reasons_are_json_for_others(tmp_path: Path, fleet: FleetFolder) -> None:
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "1-x; rm -rf.parquet").write_bytes(b"x")
    ingest(tmp_path / "uploads", fleet)
    (reason,) = fleet.put_aside.glob("*.json")
    assert json.loads(reason.read_text())["file"] == "1-x; rm -rf.parquet"
    assert " " not in reason.name


def test_the_command_writes_json(tmp_path: Path, fleet: FleetFolder, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "uploads" / "phone", 1, answers([1]), Session(1).header())
    (tmp_path / "uploads" / "note.parquet").write_bytes(b"x")
    given = ["fleet", "ingest", str(tmp_path / "uploads"), "--fleet", str(fleet.root)]
    assert main([*given, "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["taken"], found["put_aside"], found["senders"]) == (1, {"foreign": 1}, {"phone": 1})
    assert "1 taken in" in capsys.readouterr().out
