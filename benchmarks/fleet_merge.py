"""Seconds and peak memory of `compsel fleet ingest` and `compsel fleet merge`, by the number of rows.

python benchmarks/fleet_merge.py FOLDER [--rows 10000 1000000 10000000 30000000] [--parts-of 30000] [--json FILE]

The records are simulated: numbers drawn at random, in parts as a runtime writes them, of a thousand installations of
twenty kinds of devices; every answer ran one or two stages, a tenth of the answers have an outcome. Each command runs
in a process of its own, whose memory is the high water mark that the kernel notes.
"""

import argparse
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from command_peak import run_command
from compsel.device.fingerprint import device_fingerprint
from compsel.runtime.recording.part_format import OUTCOME_COLUMNS, STAGE_COLUMNS, PartHeader, device_id, part_name
from compsel.runtime.recording.part_series import write_part

BUNDLE = "51307a7ed0000000"
INSTALLATIONS, KINDS, FEATURES = 1000, 20, ("image.brightness", "image.contrast", "image.edges", "image.entropy")
_BEGIN_US = 1_750_000_000_000_000


def write_uploads(folder: Path, rows: int, part_rows: int, seed: int) -> None:
    """Write simulated parts of answers, and of outcomes."""
    numbers = np.random.default_rng(seed)
    for number in range(max(1, rows // part_rows)):
        installation = int(numbers.integers(INSTALLATIONS))
        session = f"{int(numbers.integers(1 << 63)):016x}"
        device = {"cpu": f"simulated kind {installation % KINDS}", "cores": 4}
        header = PartHeader(
            "answers",
            session,
            "0.1.0",
            device,
            device_id(device),
            BUNDLE,
            installation=f"{installation:016x}",
        )
        place = folder / f"{installation:04d}"
        place.mkdir(parents=True, exist_ok=True)
        table = answers(numbers, min(rows, part_rows))
        write_part(place / part_name(number + 1, session, "answers"), table, header, place / "records")
        known = np.unique(table.column("answer").to_numpy())[::10]
        heard = {
            "session": pa.array([session] * len(known)),
            "answer": pa.array(known),
            "time": pa.array(np.full(len(known), _BEGIN_US), pa.timestamp("us", "UTC")),
            "right": pa.array((numbers.random(len(known)) < 0.9).astype(np.float64)),
        }
        outcomes = PartHeader("outcomes", session, "0.1.0", installation=f"{installation:016x}")
        columns = pa.table({name: heard[name] for name in OUTCOME_COLUMNS})
        write_part(place / part_name(number + 1, session, "outcomes"), columns, outcomes, place / "records")


def answers(numbers: np.random.Generator, rows: int) -> pa.Table:
    """Draw so many rows: answers of one stage, or two."""
    stages = numbers.integers(1, 3, rows)
    answer = np.repeat(np.arange(1, rows + 1), stages)[:rows]
    stage = np.concatenate([[0], np.where(np.diff(answer) == 0, 1, 0)])
    variants = np.array(["small/int8-static", "large/int8-static"], object)
    values: dict[str, Any] = {
        "answer": answer,
        "stage": stage,
        "time": _BEGIN_US + answer * 20_000,
        "variant": variants[stage],
        "processor": np.full(rows, "cpu:2", object),
        "latency_ms": numbers.lognormal(1.0 + stage, 0.1),
        "expected_ms": np.exp(1.0 + stage),
        "probability_right": numbers.beta(8, 2, rows),
        "confidence": numbers.beta(8, 2, rows),
        "answer_ms": numbers.lognormal(1.5, 0.1, rows),
        "size": np.full(rows, np.nan),
        "abstained": np.zeros(rows, np.bool_),
        "constraints_met": np.ones(rows, np.bool_),
        "load_others": np.repeat(numbers.random(rows // 100 + 1), 100)[:rows],
        **{name: numbers.random(rows) for name in FEATURES},
    }
    types = {**STAGE_COLUMNS, "load_others": "float", **dict.fromkeys(FEATURES, "float")}
    utc = pa.timestamp("us", "UTC")
    return pa.table(
        {
            name: pa.array(values[name], from_pandas=True).cast(utc if name == "time" else pa.type_for_alias(kind))
            for name, kind in types.items()
        }
    )


def timed(*arguments: str) -> tuple[float, float]:
    """Run a command; return seconds, and peak memory in MB."""
    done = run_command(*arguments)
    if done.status:
        raise SystemExit(done.said)
    return done.seconds, done.peak_mb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where records and tables go, which are removed again")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000, 10_000_000, 30_000_000])
    parser.add_argument("--parts-of", type=int, default=30_000, metavar="ROWS")
    parser.add_argument("--memory-limit-mb", default="2000")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = []
    for rows in arguments.rows:
        uploads, fleet = arguments.folder / "uploads", arguments.folder / "fleet"
        write_uploads(uploads, rows, arguments.parts_of, 0)
        size = sum(path.stat().st_size for path in uploads.rglob("*.answers.parquet"))
        merge = ("fleet", "merge", "--fleet", str(fleet), "--memory-limit-mb", arguments.memory_limit_mb)
        took = {
            "ingest": timed("fleet", "ingest", str(uploads), "--fleet", str(fleet), "--sender-limit-mb", "10000"),
            "ingest again": timed("fleet", "ingest", str(uploads), "--fleet", str(fleet)),
        }
        time.sleep(2)  # what was written just now is hashed once more
        took |= {"merge": timed(*merge), "merge again": timed(*merge)}
        shutil.rmtree(uploads)
        shutil.rmtree(fleet)
        one = {"rows": rows, "bytes_a_row": round(size / rows, 1)}
        for name, (seconds, peak_mb) in took.items():
            one |= {f"{name} s": round(seconds, 2), f"{name} MB": round(peak_mb)}
            one[f"{name} rows/s"] = round(rows / seconds)
        print(one, flush=True)
        found.append(one)
    if arguments.json:
        content = {"device": device_fingerprint(), "load": os.getloadavg(), "simulated": True, "runs": found}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
