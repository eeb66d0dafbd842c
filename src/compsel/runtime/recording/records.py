"""What runtimes recorded, as pandas sees it."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.errors import CompselError, ProfileError, require
from compsel.progress.logger import log_event
from compsel.runtime.recording.json_lines import read_json_lines
from compsel.runtime.recording.part_format import STAGE_COLUMNS, STATE_COLUMNS, PartHeader, record_id
from compsel.runtime.recording.part_reader import check_values, read_part
from compsel.storage.locations.using import fetch

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["records"]

_IDLE = 0.5  # cores that others keep busy, on average


def records(folder: str | os.PathLike[str]) -> "pd.DataFrame":
    """Return what `compsel.load(..., record=FOLDER)` wrote: a row a stage; `compsel.train` takes it as costs.

    Columns: id (of the answer), time (UTC), answer (its number in the run), stage (0, 1, ...), variant, processor,
    latency_ms, expected_ms, probability_right (of the answer after this stage), confidence (of the stage: its highest
    probability of a class), answer_ms (the whole answer), size (of the input, where costs depend on it), abstained,
    constraints_met, the device's state as far as it is known (see `compsel.device.state.DeviceState`), such as
    load_others (cores that other processes kept busy), state ("idle", "busy:1", ... by that number), features of the
    input that the policy asked for (image.brightness, ...), right (how probably the answer was right, by the last
    feedback; NaN without), device (its processor), device_id, bundle (hashes), installation (a random
    number of the folder: devices that are alike have one device_id), share (of the answers that were
    recorded), run (the session, or the file).

    What is not known is NaN; so are the times of inputs that were answered together in one inference. An answer that
    lies there twice counts once. Files that are broken, newer, or no records are left out, with a warning:
    `frame.attrs["put_aside"]` has their names and the reasons; `attrs["dropped"]` says how many answers the runtimes
    could not write, `attrs["unknown_outcomes"]` how many outcomes are of no answer here.

    Raises:
        ProfileError: no records there, or damaged ones alone.
        VersionError: all are written by a newer compsel.
        MissingDependencyError: pandas or pyarrow is not installed.
    """
    pandas, pa = require("pandas", "train"), require("pyarrow", "train")
    found = _Found()
    place = fetch(folder)
    for path in sorted(place.iterdir()) if place.is_dir() else ():
        if path.suffix in (".jsonl", ".parquet") and not path.name.startswith("."):
            found.read(path)
    if found.errors and not (found.answers or found.outcomes):
        raise found.errors[0][1]
    if not (found.answers or found.outcomes):
        raise ProfileError(f"{folder}: has no records: give the folder of compsel.load(..., record=FOLDER)")
    table = pa.concat_tables(found.answers, promote_options="default") if found.answers else None
    if table is None or not table.num_rows:
        raise ProfileError(f"{folder}: nothing was answered while it was recorded: run the app first")
    frame = table.to_pandas().drop_duplicates(["id", "stage"], keep="last", ignore_index=True)
    right = found.right()
    frame["right"] = frame["id"].map(right).astype("float64")
    load = frame["load_others"] if "load_others" in frame else [0.0] * len(frame)
    frame["state"] = ["idle" if not value >= _IDLE else f"busy:{max(1, round(value))}" for value in load]
    frame["time"] = pandas.to_datetime(frame["time"], utc=True)
    frame.attrs = {
        "put_aside": {path.name: str(error) for path, error in found.errors},
        "dropped": sum(found.dropped.values()),
        "unknown_outcomes": len(right.keys() - set(frame["id"])),
    }
    return frame


class _Found:
    """What lies in a folder, read file by file."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.outcomes: list[tuple[datetime, int, str, float]] = []
        self.dropped: dict[str, int] = {}
        self.errors: list[tuple[Path, CompselError]] = []

    def read(self, path: Path) -> None:
        """Read a file, or put it aside."""
        try:
            if path.suffix == ".jsonl":
                self.answers.append(_of_lines(path))
                return
            header, table = read_part(path)
        except FileNotFoundError:  # the app made room just now
            return
        except CompselError as error:
            fields = {"path": str(path), "error": str(error)}
            log_event("WARNING", "records_put_aside", "%s", error, fields=fields)
            self.errors.append((path, error))
            return
        if header.kind == "answers":
            self.answers.append(_of_part(header, table))
            self.dropped[header.session] = max(header.dropped, self.dropped.get(header.session, 0))
            return
        columns = [table.column(name).to_pylist() for name in ("time", "session", "answer", "right")]
        for time, session, answer, right in zip(*columns, strict=True):
            value = float("nan") if right is None else right
            self.outcomes.append((time, len(self.outcomes), record_id(session, answer), value))

    def right(self) -> dict[str, float]:
        """Return the last outcome of every id."""
        return {text: right for _, _, text, right in sorted(self.outcomes, key=lambda outcome: outcome[:2])}


def _of_part(header: PartHeader, table: Any) -> Any:
    compute = require("pyarrow.compute", "train")
    ids = compute.binary_join_element_wise(header.session, table.column("answer").cast("string"), "-")
    table = table.append_column("id", ids)
    device = header.device or {}
    alike: dict[str, str | float] = {
        "device": str(device.get("cpu", "")),
        "device_id": header.device_id,
        "installation": header.installation,
        "bundle": header.bundle,
        "share": float(header.share),
        "run": header.session,
    }
    return _with_alike(table.replace_schema_metadata(None), alike)


def _of_lines(path: Path) -> Any:
    pa = require("pyarrow", "train")
    device, rows = read_json_lines(path)
    types = {**STAGE_COLUMNS, **dict.fromkeys(STATE_COLUMNS, "float")}
    names = [name for name in types if name in STAGE_COLUMNS or any(name in row for row in rows)]
    columns = {}
    try:
        for name in names:
            if name == "time":
                times = [datetime.fromisoformat(row["time"]) for row in rows]
                columns[name] = pa.array(times, pa.timestamp("us", "UTC"))
            else:
                columns[name] = pa.array([row.get(name) for row in rows], pa.type_for_alias(types[name]))
        columns["id"] = pa.array([f"{path.stem}-{row['answer']}" for row in rows], pa.string())
        table = pa.table(columns)
        check_values(table)
    except (ValueError, TypeError, LookupError, OverflowError, pa.ArrowException) as error:
        raise ProfileError(f"{path}: is no file of records ({error!r}): take it out of the folder") from error
    return _with_alike(table, {"device": device, "device_id": "", "installation": "", "bundle": "", "run": path.stem})


def _with_alike(table: Any, alike: Mapping[str, str | float]) -> Any:
    pa = require("pyarrow", "train")
    for name, value in alike.items():
        kind = pa.string() if isinstance(value, str) else pa.float64()
        table = table.append_column(name, pa.repeat(pa.scalar(value, kind), table.num_rows))
    return table
