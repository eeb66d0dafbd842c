"""What simulated devices upload: parts as a runtime writes them, and a few that are broken or meant to harm."""

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

from compsel.bundle.bundle import Bundle
from compsel.bundle.digest import bundle_digest
from compsel.runtime.recording.part_format import OUTCOME_COLUMNS, STAGE_COLUMNS, PartHeader, device_id, part_name
from compsel.runtime.recording.part_series import write_part
from fleet_parts.devices import INFERENCE, Device
from fleet_parts.world import Outcome, World

__all__ = ["period_begins", "spoil", "write_period"]

# another two weeks a period
_BEGIN_US, _PERIOD_US = 1_740_000_000_000_000, 14 * 86_400_000_000
_FEEDBACK, _EXPLORE = 0.05, 0.02  # shares: of answers that an outcome comes for, of stages that try another processor


def period_begins(number: int) -> str:
    """Return when a period begins (ISO 8601, UTC)."""
    return datetime.fromtimestamp((_BEGIN_US + number * _PERIOD_US) / 1e6, UTC).isoformat()


def write_period(
    world: World, outcomes: list[Outcome], bundle: Bundle, device: Device, period: int, folder: Path, drifted: bool
) -> int:
    """Write what a device records in a period, in sessions of some hundred answers; return the answers.

    Args:
        world: that it is in.
        outcomes: what its policy does, by state.
        bundle: that it runs.
        device: it.
        period: 0, 1, ...
        folder: of the device's uploads.
        drifted: whether the device's drift has come.
    """
    numbers = np.random.default_rng([device.number, period, 7])
    weights, table = world.weights[device.drift.kind if drifted else ""], world.latency_ms(device, drifted)
    digest = bundle_digest(bundle.files)
    left, number = device.answers, period * 1000
    while left > 0:
        count, number = min(left, int(numbers.integers(20, 400))), number + 1
        left -= count
        session = numbers.bytes(8).hex()
        header = PartHeader(
            "answers",
            session,
            "0.1.0",
            device.fingerprint,
            device_id(device.fingerprint),
            digest,
            installation=device.installation,
        )
        state = int(numbers.choice(len(device.load), p=device.load))
        inputs = numbers.choice(len(weights), count, p=weights)
        begin_us = _BEGIN_US + period * _PERIOD_US + number * 1_000_000
        rows = _rows(world, outcomes[state], state, inputs, table[state], numbers, begin_us)
        write_part(folder / part_name(number, session, "answers"), rows, header, folder / "records")
        heard = np.flatnonzero(numbers.random(count) < _FEEDBACK)
        if len(heard):
            columns = {
                "session": pa.array([session] * len(heard)),
                "answer": pa.array(heard + 1),
                "time": pa.array(np.full(len(heard), begin_us + 60_000_000), pa.timestamp("us", "UTC")),
                "right": pa.array(outcomes[state].right[inputs[heard]].astype(np.float64)),
            }
            said = replace(header, kind="outcomes")
            table_of = pa.table({name: columns[name] for name in OUTCOME_COLUMNS})
            write_part(folder / part_name(number, session, "outcomes"), table_of, said, folder / "records")
    return device.answers


# many parameters: what one answer is made of
def _rows(
    world: World,
    outcome: Outcome,
    state: int,
    inputs: np.ndarray,
    table_ms: np.ndarray,
    numbers: np.random.Generator,
    begin_us: int,
) -> pa.Table:
    stages = outcome.stages[inputs]
    answer, place = np.nonzero(stages >= 0)
    choice = stages[answer, place]
    others = np.array(
        [[other for other, (name, _) in enumerate(world.choices) if name == own] for own, _ in world.choices]
    )
    tries = numbers.random(len(choice)) < _EXPLORE
    choice = np.where(tries, others[choice, numbers.integers(others.shape[1], size=len(choice))], choice)
    latency = table_ms[choice] * np.exp(numbers.normal(0, INFERENCE, len(choice)))
    total = np.bincount(answer, latency, len(inputs))
    confidence = np.stack([world.confidence(number) for number in range(len(world.choices))])
    variants, processors = (np.array(side, object) for side in zip(*world.choices, strict=True))
    coordinates = {"load_others": np.full(len(choice), world.states[state][0])}
    values: dict[str, Any] = {
        "answer": answer + 1,
        "stage": place,
        "time": begin_us + answer * 20_000,
        "variant": variants[choice],
        "processor": processors[choice],
        "latency_ms": latency,
        "expected_ms": outcome.expected_ms[choice],
        "probability_right": outcome.probability[inputs[answer], place],
        "confidence": confidence[choice, inputs[answer]],
        "answer_ms": total[answer] + 0.05,
        "size": np.full(len(choice), np.nan),
        "abstained": np.zeros(len(choice), np.bool_),
        "constraints_met": np.ones(len(choice), np.bool_),
        **coordinates,
    }
    types = {**STAGE_COLUMNS, **dict.fromkeys(coordinates, "float")}
    utc = pa.timestamp("us", "UTC")
    return pa.table(
        {
            name: pa.array(values[name], from_pandas=True).cast(utc if name == "time" else pa.type_for_alias(kind))
            for name, kind in types.items()
        }
    )


def spoil(uploads: Path, share: float, seed: int) -> dict[str, str]:
    """Spoil a share of the uploads, beside copies of some that come twice; return the kinds, by path below `uploads`.

    Whole parts that are spoilt are lost to the fleet, as they would be.
    """
    numbers = np.random.default_rng(seed)
    paths = sorted(uploads.rglob("*.answers.parquet"))
    count = max(len(_KINDS), round(share * len(paths)))
    chosen = numbers.choice(len(paths), min(len(paths), count), replace=False)
    found: dict[str, str] = {}
    for place, row in enumerate(chosen):
        kind = _KINDS[place % len(_KINDS)]
        left = _spoiled(paths[row], kind, numbers)
        found[left.relative_to(uploads).as_posix()] = kind
    return found


_KINDS = ("cut", "flipped", "no records", "newer", "another device's", "FIFO", "link", "another session's", "twice")


def _spoiled(path: Path, kind: str, numbers: np.random.Generator) -> Path:
    """Spoil an upload; return where it lies then."""
    content = path.read_bytes()
    if kind == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "flipped":
        places = numbers.integers(4, len(content) - 4, 200)
        spoilt = np.frombuffer(content, np.uint8).copy()
        spoilt[places] ^= numbers.integers(1, 256, len(places)).astype(np.uint8)
        path.write_bytes(spoilt.tobytes())
    elif kind == "no records":
        parquet.write_table(pa.table({"x": [1, 2, 3]}), path)
    elif kind in ("newer", "another device's"):
        file = parquet.ParquetFile(path)
        header = PartHeader.read(file.schema_arrow.metadata[b"compsel"])
        changed = replace(header, format_version=99) if kind == "newer" else replace(header, device_id="e" * 16)
        write_part(path, file.read(), changed, path.parent / "records")
    elif kind == "FIFO":
        path.unlink()
        os.mkfifo(path)
    elif kind == "link":
        target = path.with_name("elsewhere")
        path.rename(target)
        path.symlink_to(target)
    elif kind == "another session's":
        return path.rename(path.with_name(part_name(99_999, "0123456789abcdef", "answers")))
    else:
        (path.parent / "again").mkdir(exist_ok=True)
        return Path(shutil.copy(path, path.parent / "again" / path.name))
    return path
