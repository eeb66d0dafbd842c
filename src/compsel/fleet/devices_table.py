"""Which devices a fleet's records are of, and how much each of them recorded."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import require
from compsel.fleet.merged import DEVICES_NAME, MergedRecords
from compsel.storage.files import atomic_file

__all__ = ["write_devices"]


def write_devices(folder: Path, records: MergedRecords, devices: Mapping[str, Any]) -> tuple[int, int]:
    """Write the table of the kinds of devices, see `MergedRecords.devices`.

    Args:
        folder: of the merged records.
        records: the same.
        devices: fingerprints, by device_id.

    Returns:
        The numbers of answers and of installations.

    Raises:
        StorageError: it cannot be written.
    """
    pa, parquet = require("pyarrow", "train"), require("pyarrow.parquet", "train")
    found = {key: _Device() for key in devices}
    for batch in records.batches(["device_id", "installation", "stage", "time"]):
        kinds = batch.column("device_id").dictionary_encode()
        codes, times = kinds.indices.to_numpy(), batch.column("time").cast("int64").to_numpy()
        stages = batch.column("stage").to_numpy()
        by_kind = np.argsort(codes, kind="stable")
        edges = np.searchsorted(codes[by_kind], np.arange(len(kinds.dictionary) + 1))
        for code, key in enumerate(kinds.dictionary.to_pylist()):
            rows = by_kind[edges[code] : edges[code + 1]]
            installations = batch.column("installation").take(pa.array(rows)).unique().to_pylist()
            found[key].add(times[rows], int((stages[rows] == 0).sum()), installations)
    utc = pa.timestamp("us", "UTC")
    order = sorted(found)
    table = pa.table(
        {
            "device_id": pa.array(order, pa.string()),
            "device": pa.array([json.dumps(devices[key], sort_keys=True) for key in order], pa.string()),
            "n_answers": pa.array([found[key].answers for key in order], pa.int64()),
            "n_stages": pa.array([found[key].stages for key in order], pa.int64()),
            "n_installations": pa.array([len(found[key].installations) for key in order], pa.int64()),
            "first_time": pa.array([found[key].first for key in order], pa.int64()).cast(utc),
            "last_time": pa.array([found[key].last for key in order], pa.int64()).cast(utc),
        }
    )
    with atomic_file(folder / DEVICES_NAME) as temporary:
        parquet.write_table(table, temporary, compression="zstd")
    everybody = set[str]().union(*(one.installations for one in found.values()))
    return sum(one.answers for one in found.values()), len(everybody)


class _Device:
    """Counts of one kind of device."""

    def __init__(self) -> None:
        self.answers = self.stages = 0
        self.first: int | None = None
        self.last: int | None = None
        self.installations: set[str] = set()

    def add(self, times: Any, answers: int, installations: list[str]) -> None:
        self.answers += answers
        self.stages += len(times)
        self.installations.update(installations)
        low, high = int(times.min()), int(times.max())
        self.first = low if self.first is None else min(self.first, low)
        self.last = high if self.last is None else max(self.last, high)
