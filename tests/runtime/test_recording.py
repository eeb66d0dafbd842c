"""Recording goes on whatever happens to its folder; what it takes is bounded, and what is lost is counted."""

import errno
import itertools
import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

import compsel
from compsel.errors import MissingDependencyError, StorageError, UsageError
from compsel.models.model import Model
from compsel.runtime.recording.part_format import PART_NAME
from compsel.storage.leftovers import temporary_prefix
from tests.pinned_bundles import pinned
from tests.runtime.conftest import StartScripted

IMAGE = np.zeros((64, 64, 3), np.uint8)
SLOW = 1000.0  # s: nothing is written but by `flush` and `close`


@pytest.fixture(scope="module")
def bundle(small_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pinned")
    pinned(small_model, folder, "logits").close()
    return folder / "bundle"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "records"


@pytest.fixture
def recording(bundle: Path, folder: Path) -> Iterator[compsel.Runtime]:
    with compsel.load(bundle, record=compsel.Recording(folder, seconds=SLOW)) as runtime:
        yield runtime


def parts(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".installation")


def test_a_process_that_goes_on_records_in_several_sessions(
    scripted: StartScripted, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compsel.runtime.recording.sessions.SESSION_ANSWERS", 400)
    runtime = scripted({"fast": 0.0, "slow": 0.0}, record=compsel.Recording(folder, seconds=0.3))
    answers = []
    for _ in range(10):
        answers += [runtime(IMAGE) for _ in range(100)]
        time.sleep(0.1)
    runtime.feedback(answers[700], right=True)
    runtime.close()
    frame = compsel.records(folder)
    assert sorted(frame["id"]) == sorted(answer.id for answer in answers)
    assert frame.set_index("id")["right"].dropna().to_dict() == {answers[700].id: 1.0}
    sessions = frame.groupby("run")["id"].nunique()
    assert sorted(sessions) == [201, 399, 400]
    assert {one.partition("-")[0] for one in frame["id"]} == set(frame["run"])
    header = {path.name: parquet.ParquetFile(path).schema_arrow.metadata for path in folder.glob("[0-9]*.parquet")}
    assert all(path.split("-")[1].split(".")[0].encode() in found[b"compsel"] for path, found in header.items())


def test_answers_faster_than_the_background_looks_are_all_recorded(scripted: StartScripted, folder: Path) -> None:
    runtime = scripted({"fast": 0.0, "slow": 0.0}, record=folder)
    answers = [runtime(IMAGE) for _ in range(3000)]
    runtime.close()
    frame = compsel.records(folder)
    assert frame["id"].tolist() == [answer.id for answer in answers]
    assert frame.attrs["dropped"] == 0 and runtime.recording is not None and runtime.recording.answers == 3000


def test_what_is_written_at_several_times_is_one_part(recording: compsel.Runtime, folder: Path) -> None:
    for count in range(1, 4):
        recording(IMAGE)
        recording.flush()
        assert len(compsel.records(folder)) == count
    assert len(parts(folder)) == 1


def test_written_soon_without_being_asked(bundle: Path, folder: Path) -> None:
    with compsel.load(bundle, record=compsel.Recording(folder, seconds=0.3)) as runtime:
        answer = runtime(IMAGE)
        for _ in range(100):
            if list(folder.glob("*.parquet")):
                break
            time.sleep(0.05)
        assert compsel.records(folder)["id"].tolist() == [answer.id]


def test_a_part_that_was_taken_away_is_not_written_again(recording: compsel.Runtime, folder: Path) -> None:
    taken = recording(IMAGE)
    recording.flush()
    (folder / parts(folder)[0]).unlink()
    kept = recording(IMAGE)
    recording.flush()
    assert kept.id != taken.id and compsel.records(folder)["id"].tolist() == [kept.id]


def test_the_oldest_parts_make_room(bundle: Path, folder: Path) -> None:
    folder.mkdir()
    for number in range(1, 11):
        (folder / f"{number:08d}-{'a' * 16}.answers.parquet").write_bytes(bytes(100_000))
    (folder / "of the app.txt").write_bytes(bytes(2_000_000))
    with compsel.load(bundle, record=compsel.Recording(folder, limit_mb=1)) as runtime:
        runtime(IMAGE)
    found = [path for path in folder.iterdir() if PART_NAME.fullmatch(path.name)]
    assert sorted(int(path.name[:8]) for path in found) == list(range(2, 12))
    assert sum(path.stat().st_size for path in found) <= 1_000_000
    assert (folder / "of the app.txt").exists()


def test_recording_stops_where_that_is_wanted_and_goes_on_when_there_is_room(
    bundle: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.mkdir()
    full = folder / f"00000001-{'a' * 16}.answers.parquet"
    full.write_bytes(bytes(1_000_000))
    stopping = compsel.Recording(folder, limit_mb=1, when_full="stop", seconds=SLOW)
    with compsel.load(bundle, record=stopping) as runtime, caplog.at_level(logging.WARNING, "compsel"):
        answer = runtime(IMAGE)
        runtime.flush()
        assert parts(folder) == [full.name] and runtime.recording is not None
        assert "has the size" in runtime.recording.trouble and "has the size" in caplog.text
        full.unlink()
        runtime.flush()
        assert not runtime.recording.trouble
    assert compsel.records(folder)["id"].tolist() == [answer.id]


def test_a_folder_that_cannot_be_written_holds_up_recording_not_answers(
    recording: compsel.Runtime, folder: Path
) -> None:
    lost = recording(IMAGE)
    recording.flush()
    shutil.rmtree(folder)
    folder.write_text("a file in its place")
    answers = [recording(IMAGE) for _ in range(5)]
    recording.flush()
    counts = recording.recording
    assert counts is not None and counts.trouble and counts.pending == 5 and counts.dropped == 0
    folder.unlink()
    recording.flush()
    assert compsel.records(folder)["id"].tolist() == [answer.id for answer in answers]
    assert lost.id and recording.recording is not None and recording.recording.pending == 0


def test_a_full_disk_costs_the_oldest_records_and_they_are_counted(
    recording: compsel.Runtime, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("compsel.runtime.recording.background_writer._MOST_UNWRITTEN_ROWS", 3)
    with monkeypatch.context() as disk:
        disk.setattr(parquet, "write_table", full)
        answers = []
        for _ in range(5):
            answers.append(recording(IMAGE))
            recording.flush()
        assert recording.recording is not None and recording.recording.dropped == 2
        assert "no space is left" in recording.recording.trouble and recording.recording.parts == 0
    recording.flush()
    frame = compsel.records(folder)
    assert frame["id"].tolist() == [answer.id for answer in answers[2:]] and frame.attrs["dropped"] == 2
    assert all(not name.endswith(".tmp") for name in parts(folder))


def test_a_disk_that_does_not_answer_holds_up_nobody(
    recording: compsel.Runtime, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers_again = threading.Event()
    write = parquet.write_table

    def hang(*values: object, **options: object) -> None:
        assert answers_again.wait(60)
        write(*values, **options)

    monkeypatch.setattr(parquet, "write_table", hang)
    monkeypatch.setattr("compsel.runtime.recording.background_writer._MOST_PENDING", 10)
    monkeypatch.setattr("compsel.runtime.recording.recorder._CLOSE_S", 0.05)
    first = recording(IMAGE)
    waiting = threading.Thread(target=recording.flush)
    waiting.start()
    while recording.recording is None or recording.recording.answers == 0:
        time.sleep(0.01)
    answers = [recording(IMAGE) for _ in range(15)]
    recording.flush()  # gives up
    assert [bool(answer.id) for answer in answers] == [True] * 10 + [False] * 5
    assert not recording.feedback(answers[-1], right=True)
    answers_again.set()
    waiting.join()
    recording.flush()
    assert compsel.records(folder)["id"].tolist() == [first.id, *(answer.id for answer in answers[:10])]
    assert compsel.records(folder).attrs["dropped"] == 5


def test_a_share_is_recorded_and_said(bundle: Path, folder: Path) -> None:
    with compsel.load(bundle, record=compsel.Recording(folder, share=0.25)) as runtime:
        answers = [runtime(IMAGE) for _ in range(200)]
    frame = compsel.records(folder)
    assert frame["id"].tolist() == [answer.id for answer in answers if answer.id] and 48 <= len(frame) <= 52
    assert set(frame["share"]) == {0.25}


def test_a_clock_that_jumps_back_makes_no_part_older(
    bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for now_ns in (2_000_000_000_000_000_000, 0):
        monkeypatch.setattr(time, "time_ns", lambda now_ns=now_ns: now_ns)
        with compsel.load(bundle, record=folder) as runtime:
            runtime(IMAGE)
    assert [int(name[:8]) for name in parts(folder)] == [1, 2]
    assert compsel.records(folder)["time"].dt.year.tolist() == [2033, 1970]


def test_what_killed_writers_left_is_removed(bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    mine = folder / f"{temporary_prefix(folder / 'records')}abc.tmp"
    with monkeypatch.context() as dead:
        dead.setattr(os, "getpid", lambda: 2**22 + 1)
        left = folder / f"{temporary_prefix(folder / 'records')}abc.tmp"
    for path in (mine, left):
        path.write_bytes(b"PAR1")
    compsel.load(bundle, record=folder).close()
    assert parts(folder) == [mine.name]


def test_dropped_runtimes_leave_no_thread_and_lose_nothing(bundle: Path, folder: Path) -> None:
    answer = compsel.load(bundle, record=compsel.Recording(folder, seconds=SLOW))(IMAGE)
    for _ in range(100):
        if not any(thread.name == "compsel-recorder" for thread in threading.enumerate()):
            break
        time.sleep(0.05)
    assert compsel.records(folder)["id"].tolist() == [answer.id]


def test_without_pyarrow_loading_says_what_is_missing(
    bundle: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"compsel\[record\]"):
        compsel.load(bundle, record=folder)


@pytest.mark.parametrize(
    "wrong", [{"limit_mb": 0.5}, {"when_full": "explode"}, {"share": 0}, {"share": np.nan}, {"seconds": np.inf}]
)
def test_wrong_options_are_refused(wrong: dict[str, object], folder: Path) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        compsel.Recording(folder, **wrong)


def test_a_place_that_cannot_be_written_is_said_at_once(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        compsel.load(bundle, record=tmp_path / "file" / "records")


def test_many_threads_share_a_recorder(recording: compsel.Runtime, folder: Path) -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.extend(recording(IMAGE).id for _ in range(50))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recording.flush()
    assert sorted(compsel.records(folder)["id"]) == sorted(ids) and len(set(ids)) == 200
    assert list(itertools.islice(sorted(compsel.records(folder)["answer"]), 3)) == [1, 2, 3]
