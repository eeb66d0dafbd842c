"""Compute the features of every sample, and measure what computing them takes."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from compsel.errors import ProfileError
from compsel.features.base import FeatureExtractor
from compsel.inputs.samples import Samples
from compsel.progress import SILENT, Reporter
from compsel.storage.checkpointed import measure_rows
from compsel.storage.parquet import read_table, write_table

__all__ = ["measure_features", "time_features"]


def measure_features(
    extractors: Mapping[str, FeatureExtractor], samples: Samples, folder: Path, reporter: Reporter = SILENT
) -> None:
    """Compute the features of every sample and store them; what is there already is kept.

    Args:
        extractors: by name; columns are called "<extractor>.<feature>".
        samples: the inputs.
        folder: of the profile; `features.parquet` is written there.
        reporter: of progress.
    """
    path = folder / "features.parquet"
    columns = [f"{name}.{feature}" for name, extractor in extractors.items() for feature in extractor.names]

    def row(index: int) -> np.ndarray:
        value = samples.undecoded(index)
        parts = [extractor.extract(value) for extractor in extractors.values()]
        return np.concatenate([*parts, np.empty(0, np.float32)]).astype(np.float32)

    def save(rows: Sequence[np.ndarray]) -> None:
        table = dict(zip(columns, np.stack(rows).T, strict=True))
        names = list(samples.names[: len(rows)])
        write_table(path, {"sample": names, **table}, {"samples": samples.digest(len(rows))})

    measure_rows(_stored_features(path, columns, samples), len(samples), row, save, reporter, "features")


def _stored_features(path: Path, columns: Sequence[str], samples: Samples) -> list[np.ndarray]:
    if not path.exists():
        return []
    try:
        table, metadata = read_table(path)
    except ProfileError:
        return []
    count = len(table.pop("sample", ()))
    if list(table) != list(columns) or not 0 < count <= len(samples):
        return []
    if metadata.get("samples") != samples.digest(count):
        return []
    return list(np.stack(list(table.values()), axis=1)) if columns else [np.empty(0, np.float32)] * count


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
