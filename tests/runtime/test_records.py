"""What ran is written down where it is asked for, and comes back as a table; the library logs, and prints nothing."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.errors import ProcessorError, ProfileError, StorageError, VersionError
from compsel.inputs.samples import ArraySamples
from compsel.profiling.from_frames import latency_from_frame
from compsel.runtime.observations import StageFailedError
from tests.cascade_bundle import LATENCY_MS, LOWER


@pytest.fixture
def recorded(cascade_folder: Path, crops: ArraySamples, tmp_path: Path) -> tuple[Path, list[compsel.Answer]]:
    with compsel.load(cascade_folder, warm_up=False, record=tmp_path / "records") as runtime:
        answers = [runtime(crops.value(index)) for index in range(3)]
    return tmp_path / "records", answers


def test_every_stage_that_ran_is_a_row(recorded: tuple[Path, list[compsel.Answer]]) -> None:
    folder, answers = recorded
    frame = compsel.records(folder)
    stages = [stage for answer in answers for stage in answer.stages]
    assert frame["variant"].tolist() == [stage.variant for stage in stages]
    assert frame["latency_ms"].tolist() == [stage.latency_ms for stage in stages]
    assert frame["probability_right"].tolist() == pytest.approx([stage.probability_right for stage in stages])
    assert frame["answer"].nunique() == len(answers) and str(frame["time"].dtype).startswith("datetime64")
    assert set(frame["state"]) <= {"idle", *(f"busy:{count}" for count in range(1, 99))}
    assert (frame["load_others"] >= 0).all()


def test_records_are_costs(recorded: tuple[Path, list[compsel.Answer]]) -> None:
    frame = compsel.records(recorded[0])
    table = latency_from_frame(frame)
    assert set(table.variant) <= LATENCY_MS.keys() and set(table.seen) == set(frame["state"])
    np.testing.assert_array_equal(table.latency_ms, frame["latency_ms"])


def test_no_input_is_written_down(recorded: tuple[Path, list[compsel.Answer]]) -> None:
    (path,) = recorded[0].iterdir()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(isinstance(value, (str, int, float, type(None))) for row in rows[1:] for value in row.values())


def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(recorded: tuple[Path, list[compsel.Answer]]) -> None:
    (path,) = recorded[0].iterdir()
    whole = len(compsel.records(recorded[0]))
    path.write_text(path.read_text()[:-20])
    assert len(compsel.records(recorded[0])) == whole - 1


def test_what_holds_no_records_is_refused(recorded: tuple[Path, list[compsel.Answer]], tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="has no records"):
        compsel.records(tmp_path / "nothing")
    (path,) = recorded[0].iterdir()
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{", *lines[1:]]))
    with pytest.raises(ProfileError, match="no file of records"):
        compsel.records(recorded[0])
    path.write_text(lines[0])
    with pytest.raises(ProfileError, match="nothing was answered"):
        compsel.records(recorded[0])
    path.write_text(json.dumps({**json.loads(lines[0]), "format_version": 99}))
    with pytest.raises(VersionError, match="format 99"):
        compsel.records(recorded[0])


def test_a_place_that_cannot_be_written_is_said_at_once(cascade_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        compsel.load(cascade_folder, warm_up=False, record=tmp_path / "file" / "records")


def test_what_fails_and_comes_back_is_logged_and_nothing_is_printed(
    cascade_folder: Path,
    crops: ArraySamples,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with caplog.at_level(logging.DEBUG, "compsel"), compsel.load(cascade_folder, warm_up=False) as runtime:
        runtime._report_failure(StageFailedError(LOWER, "cpu:1", ProcessorError("device lost")))
        runtime._observations.quarantine._clock = lambda: 1e9
        runtime(crops.value(0))
        runtime.flush()
    said = {record.getMessage(): record.levelname for record in caplog.records}
    assert said[f"{LOWER} on cpu:1 failed, is tried again in 1 s: device lost"] == "WARNING"
    assert said["cpu:1 works again"] == "INFO"
    assert any(text.startswith("loading ") and level == "DEBUG" for text, level in said.items())
    assert capfd.readouterr() == ("", "")
