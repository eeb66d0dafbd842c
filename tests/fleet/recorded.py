"""Parts as runtimes write them, of answers that are made up by a rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from compsel.runtime.recording.part_format import OUTCOME_COLUMNS, STAGE_COLUMNS, PartHeader, device_id, part_name
from compsel.runtime.recording.part_series import write_part

BUNDLE = "0123456789abcdef"
_BEGIN_US = 1_750_000_000_000_000


@dataclass(frozen=True)
class Session:
    """One run of an app on a device."""

    number: int
    device: str = "made up"
    bundle: str = BUNDLE

    @property
    def id(self) -> str:
        return f"{0xABCDEF0123456789 ^ self.number * 0x9E3779B97F4A7C15 & (1 << 64) - 1:016x}"

    @property
    def fingerprint(self) -> dict[str, Any]:
        return {"cpu": self.device, "cores": 2}

    def header(self, kind: str = "answers", **changes: Any) -> PartHeader:
        known = {
            "device": self.fingerprint,
            "device_id": device_id(self.fingerprint),
            "bundle": self.bundle,
            "installation": f"{self.number // 3:016x}",
        }
        return PartHeader(kind, self.id, "0.1.0", **{**known, **changes})


def answers(numbers: Sequence[int]) -> pa.Table:
    """Two stages an answer."""
    rows = [(number, stage) for number in numbers for stage in range(2)]
    values = {
        "answer": [number for number, _ in rows],
        "stage": [stage for _, stage in rows],
        "time": [_BEGIN_US + 1000 * number for number, _ in rows],
        "variant": [("cheap", "good")[stage] for _, stage in rows],
        "processor": ["cpu:1"] * len(rows),
        "latency_ms": [1.0 + stage for _, stage in rows],
    }
    types = {**STAGE_COLUMNS, "load_others": "float", "image.brightness": "float"}
    values |= {"image.brightness": [number / 1000 for number, _ in rows]}
    return pa.table(
        {name: pa.array(values.get(name, [None] * len(rows)), arrow(name, kind)) for name, kind in types.items()}
    )


def outcomes(session: str, right: dict[int, float], at: int = 0) -> pa.Table:
    """When they were heard of is `at` ms after."""
    values = {
        "session": [session] * len(right),
        "answer": list(right),
        "time": [_BEGIN_US + 1000 * at] * len(right),
        "right": list(right.values()),
    }
    return pa.table({name: pa.array(values[name], arrow(name, kind)) for name, kind in OUTCOME_COLUMNS.items()})


def arrow(name: str, kind: str) -> pa.DataType:
    return pa.timestamp("us", "UTC") if name == "time" else pa.type_for_alias(kind)


def put(folder: Path, number: int, table: pa.Table, header: PartHeader) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / part_name(number, header.session, header.kind)
    write_part(path, table, header, folder / "records")
    return path
