"""Records that others sent: what is broken, newer or made to harm is put aside with the reason, the rest is read."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

import compsel
from compsel.errors import CompselError, ProfileError, VersionError
from compsel.models.model import Model
from compsel.runtime.recording.part_format import METADATA_KEY
from compsel.runtime.recording.part_reader import read_part
from tests.pinned_bundles import pinned

IMAGE = np.zeros((64, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def part(small_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound part of three answers."""
    folder = tmp_path_factory.mktemp("sound")
    pinned(small_model, folder, "logits").close()
    with compsel.load(folder / "bundle", record=folder / "records") as runtime:
        for _ in range(3):
            runtime(IMAGE)
    (path,) = (folder / "records").glob("*.parquet")
    return path


def column(name: str, values: list[Any], kind: Any = None) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        field = table.schema.field(name) if kind is None else pa.field(name, kind)
        return table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))

    return change


def header(**changes: Any) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        content = {**json.loads(table.schema.metadata[METADATA_KEY]), **changes}
        return table.replace_schema_metadata({METADATA_KEY: json.dumps(content).encode()})

    return change


CHANGES: dict[str, Callable[[pa.Table], pa.Table]] = {
    "latency_ms from -1": column("latency_ms", [1.0, -1.0, 2.0]),
    "latency_ms from .* to inf": column("latency_ms", [1.0, float("inf"), 2.0]),
    "processor is missing 1": column("processor", ["cpu:1", None, "cpu:1"]),
    "probability_right from 0": column("probability_right", [0.5, 0.0, 2.0]),
    "time from .* to 4611686018427387904": lambda table: table.set_column(
        table.schema.get_field_index("time"),
        table.schema.field("time"),
        pa.array([0, 1, 2**62], pa.int64()).cast(pa.timestamp("us", "UTC")),
    ),
    "answer from -5": column("answer", [1, -5, 2]),
    "variant has 5000 bytes": column("variant", ["a", "b" * 5000, "c"]),
    "'variant' is list": column("variant", [["a"], ["b"], []], pa.list_(pa.string())),
    "'latency_ms' is double": column("latency_ms", [1.0, 2.0, 3.0], pa.float64()),
    "'time' is int64": column("time", [1, 2, 3], pa.int64()),
    "'stage' stands there 0 times": lambda table: table.drop_columns(["stage"]),
    "'stage' stands there 2 times": lambda table: table.append_column("stage", table.column("stage")),
    "'pixels' is none of a part": lambda table: table.append_column("pixels", table.column("size")),
    "says nothing of itself": lambda table: table.replace_schema_metadata(None),
    "share: got one that cannot be": header(share=0),
    "share: got 'nan'": header(share="nan"),
    "got 'guesses'": header(kind="guesses"),
    "kind or session": header(session="../../etc"),
    "dropped: got True": header(dropped=True),
    "has format 99": header(format_version=99),
}


@pytest.mark.parametrize("reason", CHANGES)
def test_what_cannot_be_is_put_aside_with_the_reason(part: Path, tmp_path: Path, reason: str) -> None:
    changed = tmp_path / "changed.parquet"
    parquet.write_table(CHANGES[reason](parquet.read_table(part)), changed)
    with pytest.raises(VersionError if "format" in reason else ProfileError, match=reason):
        compsel.records(tmp_path)
    (tmp_path / part.name).write_bytes(part.read_bytes())
    frame = compsel.records(tmp_path)
    assert len(frame) == 3 and list(frame.attrs["put_aside"]) == ["changed.parquet"]


def test_more_rows_than_a_part_has_are_not_unpacked(
    part: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / part.name).write_bytes(part.read_bytes())
    monkeypatch.setattr("compsel.runtime.recording.part_reader._MOST_ROWS", 2)
    with pytest.raises(ProfileError, match=r"3 rows of .* more than a part has"):
        compsel.records(tmp_path)


def test_what_is_no_file_is_not_waited_for(part: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "waits.parquet")
    os.mkfifo(tmp_path / "waits.jsonl")
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "link.parquet").symlink_to(part)
    (tmp_path / "empty.parquet").write_bytes(b"")
    with (tmp_path / "sparse.parquet").open("wb") as stream:
        stream.truncate(10**12)
    (tmp_path / "text.parquet").write_text("PAR1 no PAR1")
    (tmp_path / "deep.jsonl").write_text("[" * 100_000)
    (tmp_path / "numbers.jsonl").write_text('{"format_version": 1, "device": {}}\n3\n{"time": 4, "answer": {}}\n')
    (tmp_path / "negative.jsonl").write_text(
        '{"format_version": 1, "device": {}}\n{"time": "2025-11-01", "answer": 1, "stage": 0, "variant": "a", '
        '"processor": "b", "latency_ms": -1}\n'
    )
    (tmp_path / ".records.0-1.abc.tmp").write_bytes(b"PAR1")
    with pytest.raises(ProfileError):
        compsel.records(tmp_path)
    (tmp_path / part.name).write_bytes(part.read_bytes())
    frame = compsel.records(tmp_path)
    assert len(frame) == 3 and len(frame.attrs["put_aside"]) == 10


def test_a_part_that_was_sent_twice_counts_once(part: Path, tmp_path: Path) -> None:
    for name in ("again.parquet", part.name):
        (tmp_path / name).write_bytes(part.read_bytes())
    assert len(compsel.records(tmp_path)) == 3


def test_damaged_bytes_end_in_an_error_of_ours(part: Path, tmp_path: Path) -> None:
    data, changed = part.read_bytes(), tmp_path / "changed.parquet"
    sound = read_part(part)[1]
    rng, refused = np.random.default_rng(0), 0
    for number in range(300):
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), 1 + number % 4):
            damaged[place] = rng.integers(0, 256)
        changed.write_bytes(damaged if number % 5 else data[: rng.integers(0, len(data))])
        try:
            assert read_part(changed)[1].equals(sound)  # then it was a letter of the description
        except CompselError:
            refused += 1
    assert refused > 200
