"""Compute the features of every sample, and measure what computing them takes."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import CompselError, ProfileError
from compsel.features.base import FeatureExtractor
from compsel.inputs.samples import Samples
from compsel.parallel.backend import Backend
from compsel.parallel.measured_tables import MeasuredTable, measure_tables
from compsel.parallel.shards import SHARDS, shard_name
from compsel.profiling.header import read_header
from compsel.progress import SILENT, Reporter
from compsel.storage.parquet import read_table, write_table

__all__ = ["measure_features", "time_features", "timed_features"]

_DEFAULT = Backend()


@dataclass(frozen=True)
class _Features(MeasuredTable[np.ndarray]):
    """The features of samples, a row each."""

    extractors: Mapping[str, FeatureExtractor]
    samples: Samples
    path: Path

    @property
    def columns(self) -> list[str]:
        return [f"{name}.{feature}" for name, extractor in self.extractors.items() for feature in extractor.names]

    @property
    def count(self) -> int:
        return len(self.samples)

    @property
    def label(self) -> str:
        return "features"

    def measuring(self) -> AbstractContextManager[Callable[[int], np.ndarray]]:
        return nullcontext(self._row)

    def _row(self, index: int) -> np.ndarray:
        value = self.samples.undecoded(index)
        parts = [extractor.extract(value) for extractor in self.extractors.values()]
        return np.concatenate([*parts, np.empty(0, np.float32)]).astype(np.float32)

    def save(self, rows: Sequence[np.ndarray]) -> None:
        table = dict(zip(self.columns, np.stack(rows).T, strict=True))
        names = list(self.samples.names[: len(rows)])
        write_table(self.path, {"sample": names, **table}, {"samples": self.samples.digest(len(rows))})

    def stored(self) -> list[np.ndarray]:
        if not self.path.exists():
            return []
        try:
            table, metadata = read_table(self.path)
        except ProfileError:
            return []
        count = len(table.pop("sample", ()))
        if list(table) != self.columns or not 0 < count <= len(self.samples):
            return []
        if metadata.get("samples") != self.samples.digest(count):
            return []
        return list(np.stack(list(table.values()), axis=1)) if table else [np.empty(0, np.float32)] * count

    def part(self, begin: int, end: int, folder: Path) -> "_Features":
        samples = self.samples.subset(range(begin, end))
        name = shard_name("features", *self.columns, samples.digest(), begin, end)
        return replace(self, samples=samples, path=folder / f"{name}.parquet")


def measure_features(
    extractors: Mapping[str, FeatureExtractor],
    samples: Samples,
    folder: Path,
    reporter: Reporter = SILENT,
    backend: Backend = _DEFAULT,
) -> None:
    """Compute the features of every sample and store them; what is there already is kept.

    Args:
        extractors: by name; columns are called "<extractor>.<feature>".
        samples: the inputs.
        folder: of the profile; `features.parquet` is written there.
        reporter: of progress.
        backend: where they are computed.
    """
    table = _Features(extractors, samples, folder / "features.parquet")
    measure_tables([table], folder / SHARDS / "features", backend, reporter, "features")


def time_features(extractors: Mapping[str, FeatureExtractor], samples: Samples, count: int = 30) -> dict[str, float]:
    """Return the median time (ms) of each extractor on some of the samples."""
    values = [samples.value(index) for index in samples.spread(count).indices]
    times: dict[str, list[float]] = {name: [] for name in extractors}
    for value in values:
        for name, extractor in extractors.items():
            begin = time.perf_counter_ns()
            extractor.extract(value)
            times[name].append((time.perf_counter_ns() - begin) / 1e6)
    return {name: float(np.median(measured)) for name, measured in times.items()}


def timed_features(
    extractors: Mapping[str, FeatureExtractor],
    samples: Samples,
    folder: Path,
    device: Mapping[str, Any],
    sketch: str,
) -> dict[str, float]:
    """Return the time (ms) of each extractor: as an earlier run measured it, as latencies are, else measured now.

    Args:
        extractors: by name.
        samples: of the profile.
        folder: of the profile.
        device, sketch: of this device and these samples; an earlier run on others does not count.
    """
    try:
        header = read_header(folder)
    except CompselError:
        header = {}
    known = header.get("features_ms", {})
    same = header.get("device") == dict(device) and header.get("sketch") == sketch and set(known) == set(extractors)
    if same and all(isinstance(time_ms, float) for time_ms in known.values()):
        return dict(known)
    return time_features(extractors, samples)
