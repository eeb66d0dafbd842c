"""One row of a characterisation: a model under a technique on a processor; and how rows are stored.

Each row is a JSON file of its own, written when it was measured: an interrupted characterisation loses one row at most.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import VersionError
from compsel.profiling.confidence_intervals import Estimate
from compsel.storage.file_names import slug
from compsel.storage.files import without_nan, write_json
from compsel.storage.parquet import write_table
from compsel.storage.strict_json import read_json

__all__ = ["ESTIMATES", "FORMAT_VERSION", "NUMBERS", "Row", "read_row", "row_path", "write_row", "write_rows"]

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Row:
    """What one model under one technique costs on one processor, and how well it answers.

    Attributes:
        model, technique, processor: what was measured; the processor is "" for what could not be built.
        left_out: why it was not built or does not run; "" when it was measured.
        size_mb: on disk, one graph and its weights.
        compress_s: to make it.
        load_ms: to open a session, in a new process.
        peak_mb: resident memory of a process that runs it, at most.
        runs: timed inferences.
        latency_ms: mean and its 95 % confidence interval; decoded input in, outputs out.
        p50_ms, p95_ms: percentiles of the latency.
        ratio: of the medians of this variant and of the uncompressed model, which ran in turns with it.
        energy_mj: of one inference, above what idling takes; None without a meter.
        meter: its name; one that begins with "estimate" only guesses.
        n_samples, accuracy, accuracy_change, agreement, kl, relative_error, trained: see
            `compsel.evaluation.characterization.answer_quality.AnswerQuality`.
        score: quality as one number: accuracy, else agreement with the uncompressed model.
        why: known reasons for its not being faster; "" where it is, or where none is known.

    >>> Row("net", "none", "cpu:1").label
    'net/none@cpu:1'
    """

    model: str
    technique: str
    processor: str
    left_out: str = ""
    size_mb: float | None = None
    compress_s: float | None = None
    load_ms: float | None = None
    peak_mb: float | None = None
    runs: int | None = None
    latency_ms: Estimate | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    ratio: Estimate | None = None
    energy_mj: float | None = None
    meter: str = ""
    n_samples: int | None = None
    accuracy: Estimate | None = None
    accuracy_change: Estimate | None = None
    agreement: Estimate | None = None
    kl: Estimate | None = None
    relative_error: Estimate | None = None
    trained: bool | None = None
    score: float | None = None
    why: str = ""

    @property
    def label(self) -> str:
        """What it is called."""
        return f"{self.model}/{self.technique}" + (f"@{self.processor}" if self.processor else "")

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Row":
        """Read the JSON form."""
        known = {field.name for field in fields(cls)}
        values = {key: value for key, value in content.items() if key in known}
        for name in ESTIMATES:
            if values.get(name) is not None:
                values[name] = Estimate(**values[name])
        return cls(**values)


ESTIMATES = ("latency_ms", "ratio", "accuracy", "accuracy_change", "agreement", "kl", "relative_error")
NUMBERS = (
    *("size_mb", "compress_s", "load_ms", "peak_mb", "runs"),
    *("p50_ms", "p95_ms", "energy_mj", "n_samples", "score"),
)
_TEXTS = ("model", "technique", "processor", "left_out", "meter", "why")


def row_path(folder: Path, row: Row) -> Path:
    """Return where a row is stored."""
    return folder / "rows" / f"{slug(row.label.replace('@', '+'))}.json"


def write_row(folder: Path, row: Row, key: str) -> None:
    """Store a row; `key` identifies what it was measured with."""
    write_json(row_path(folder, row), {"format_version": FORMAT_VERSION, "key": key, **without_nan(asdict(row))})


def read_row(path: Path, key: str | None = None) -> Row | None:
    """Read a row; None where there is none, it is damaged, or it was measured with something else than `key`.

    Raises:
        VersionError: written by a newer compsel.
    """
    try:
        content = read_json(path)
        version = int(content["format_version"])
        if version <= FORMAT_VERSION:
            return Row.from_dict(content) if key in (None, content["key"]) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    raise VersionError(f"{path}: format {version}, this compsel reads up to {FORMAT_VERSION}: install a newer one")


def write_rows(path: Path, rows: Sequence[Row], more: Mapping[str, Iterable[str]], metadata: Mapping[str, str]) -> None:
    """Write rows as one Parquet table; what does not exist is NaN.

    Args:
        path: of the file.
        rows: one a line.
        more: further columns of texts.
        metadata: texts by name.
    """
    columns: dict[str, Any] = {name: [str(getattr(row, name)) for row in rows] for name in _TEXTS}
    columns |= {name: list(values) for name, values in more.items()}
    for name in NUMBERS:
        columns[name] = _numbers(getattr(row, name) for row in rows)
    for name in ESTIMATES:
        estimates = [getattr(row, name) for row in rows]
        for part, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
            columns[name + suffix] = _numbers(getattr(estimate, part, None) for estimate in estimates)
    write_table(path, columns, {"format_version": str(FORMAT_VERSION), **metadata})


def _numbers(values: Iterable[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], np.float64)
