"""What ran is written down where it is asked for, and comes back as a table; the library logs, and prints nothing."""

import json
import logging
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest

import compsel
from compsel.errors import ProcessorError, ProfileError, VersionError
from compsel.features.image import ImageFeatures
from compsel.inputs.samples import ArraySamples
from compsel.profiling.from_frames import latency_from_frame
from compsel.runtime.adaptation.observations import StageFailedError
from compsel.runtime.recording.part_format import STAGE_COLUMNS, STATE_COLUMNS
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
    assert frame["latency_ms"].tolist() == pytest.approx([stage.latency_ms for stage in stages], rel=1e-6)
    assert frame["probability_right"].tolist() == pytest.approx([stage.probability_right for stage in stages])
    assert frame["id"].unique().tolist() == [answer.id for answer in answers]
    assert frame.groupby("answer")["answer_ms"].first().tolist() == pytest.approx(
        [answer.latency_ms for answer in answers], rel=1e-6
    )
    assert frame["confidence"].between(0, 1).all() and frame["constraints_met"].all()
    assert str(frame["time"].dtype).startswith("datetime64") and frame["time"].is_monotonic_increasing
    assert set(frame["state"]) <= {"idle", *(f"busy:{count}" for count in range(1, 99))}
    assert (frame["load_others"] >= 0).all() and (frame["free_memory_bytes"] > 1e6).all()
    assert (frame["bundle"].str.len() == 64).all() and (frame["device_id"].str.len() == 16).all()


def test_features_are_recorded_where_the_policy_asked_for_them(
    cascade_folder: Path, crops: ArraySamples, tmp_path: Path
) -> None:
    with compsel.load(cascade_folder, policy="premodel", warm_up=False, record=tmp_path / "records") as runtime:
        runtime(crops.value(0))
    with compsel.load(cascade_folder, policy="fastest", warm_up=False, record=tmp_path / "records") as runtime:
        runtime(crops.value(0))
    frame = compsel.records(tmp_path / "records")
    computed = ImageFeatures().extract(crops.value(0))
    names = [f"image.{name}" for name in ImageFeatures.names]
    np.testing.assert_array_equal(frame[names].to_numpy(), [computed, np.full_like(computed, np.nan)])


def test_records_are_costs(recorded: tuple[Path, list[compsel.Answer]]) -> None:
    frame = compsel.records(recorded[0])
    table = latency_from_frame(frame)
    assert set(table.variant) <= LATENCY_MS.keys() and set(table.seen) == set(frame["state"])
    np.testing.assert_array_equal(table.latency_ms, frame["latency_ms"])


def test_no_input_and_no_output_is_written_down(recorded: tuple[Path, list[compsel.Answer]]) -> None:
    """What a column may hold is listed in the docs: nobody adds one in passing."""
    (path,) = recorded[0].glob("*.parquet")
    schema = parquet.read_schema(path)
    assert set(schema.names) <= {*STAGE_COLUMNS, *STATE_COLUMNS}
    assert {field.name for field in schema if str(field.type) == "string"} == {"variant", "processor"}
    assert path.stat().st_size < 20_000


OLD = """{"format_version": 1, "device": {"cpu": "Old CPU", "cores": 2}}
{"time": "2025-11-01T10:00:00.000+00:00", "answer": 1, "stage": 0, "variant": "a/none", "processor": "cpu:1", \
"latency_ms": 2.5, "expected_ms": 2.0, "probability_right": 0.75, "size": null, "load_others": 1.2}
{"time": "2025-11-01T10:00:00.000+00:00", "answer": 1, "stage": 1, "variant": "b/none", "processor": "cpu:1", \
"latency_ms": 4.5, "expected_ms": 4.0, "probability_right": null, "size": 12, "load_others": null}
""".replace("\\\n", "")


def test_records_of_format_1_are_read_beside_newer_ones(recorded: tuple[Path, list[compsel.Answer]]) -> None:
    newer = len(compsel.records(recorded[0]))
    (recorded[0] / "20251101T100000-7-abc.jsonl").write_text(OLD)
    frame = compsel.records(recorded[0])
    old = frame[frame["device"] == "Old CPU"]
    assert len(frame) == newer + 2 and old["latency_ms"].tolist() == [2.5, 4.5]
    assert old["state"].tolist() == ["busy:1", "idle"] and old["run"].unique().tolist() == ["20251101T100000-7-abc"]
    assert old["id"].unique().tolist() == ["20251101T100000-7-abc-1"] and old["right"].isna().all()
    assert str(frame["time"].dtype).startswith("datetime64")


def test_a_file_of_format_1_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_text(OLD[:-20])
    assert compsel.records(tmp_path)["latency_ms"].tolist() == [2.5]


def test_what_holds_no_records_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="has no records"):
        compsel.records(tmp_path / "nothing")
    path, lines = tmp_path / "run.jsonl", OLD.splitlines()
    path.write_text("\n".join([lines[0], "{", *lines[1:]]))
    with pytest.raises(ProfileError, match="no file of records"):
        compsel.records(tmp_path)
    path.write_text(lines[0])
    with pytest.raises(ProfileError, match="nothing was answered"):
        compsel.records(tmp_path)
    path.write_text(json.dumps({**json.loads(lines[0]), "format_version": 99}))
    with pytest.raises(VersionError, match="format 99"):
        compsel.records(tmp_path)


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
