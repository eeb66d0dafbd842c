"""The measured latencies and how they are stored: one Parquet file a state of the device, one row an inference."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError
from compsel.profiling.belonging import Belonging, read_belonging
from compsel.profiling.confidence_intervals import Estimate, normal_mean
from compsel.profiling.tables import require_columns
from compsel.storage.parquet import read_table, write_table
from compsel.storage.strict_json import parse_json
from compsel.variants.variant import Variant

RUNS_PER_VISIT = 3  # timed runs in a row of one choice
_NO_SIZE = math.nan  # one object: a set holds it once

__all__ = [
    "RUNS_PER_VISIT",
    "LatencyTable",
    "latency_path",
    "mean_latency",
    "read_latency",
    "sizes_in",
    "write_latency",
]


def mean_latency(runs: NDArray[np.float64]) -> Estimate:
    """Return the mean of a choice's runs (n,) with its 95 % interval.

    Runs of one visit are correlated (beside competing threads, by where the scheduler put them), visits are not.

    >>> alike = np.repeat([4.0, 6.0, 4.0, 6.0], 3)
    >>> mean_latency(alike).value, round(mean_latency(alike).high, 1)
    (5.0, 6.1)
    """
    whole = len(runs) % RUNS_PER_VISIT == 0 and len(runs) > RUNS_PER_VISIT
    return normal_mean(np.reshape(runs, (-1, RUNS_PER_VISIT)).mean(axis=1) if whole else runs)


@dataclass(frozen=True)
class LatencyTable:
    """Every timed inference: from the decoded input to the outputs, preprocessing included; outliers are kept.

    Attributes:
        variant, processor, state: names, one an inference.
        latency_ms: (n,).
        seen: per state, medians of the numbers of `DeviceState` while it was measured; those that were known.
        size: (n,), of the input; NaN where size plays no role, and in tables of compsel 0.2.
        usual_size: about the mean of the samples, every choice was measured at it; NaN as above.
        unit: of sizes.
        sized_by: name of the variant that counts them.

    >>> table = LatencyTable(("a/none",) * 2, ("cpu:1",) * 2, ("idle",) * 2, np.array([5.0, 7.0]), {"idle": {}})
    >>> {key: values.tolist() for key, values in table.by_choice().items()}
    {('a/none', 'cpu:1', 'idle'): [5.0, 7.0]}
    """

    variant: tuple[str, ...]
    processor: tuple[str, ...]
    state: tuple[str, ...]
    latency_ms: NDArray[np.float64]
    seen: Mapping[str, Mapping[str, float]]
    size: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    usual_size: float = math.nan
    unit: str = ""
    sized_by: str = ""

    @property
    def load(self) -> dict[str, float]:
        """Per state, how many cores other processes kept busy."""
        return {state: numbers["load_others"] for state, numbers in self.seen.items()}

    @property
    def states(self) -> tuple[str, ...]:
        """States of the device, least load first."""
        load = self.load
        return tuple(sorted(dict.fromkeys(self.state), key=lambda state: load[state]))

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        """Every (variant, processor) that was measured."""
        return tuple(dict.fromkeys(zip(self.variant, self.processor, strict=True)))

    def by_choice(self) -> dict[tuple[str, str, str], NDArray[np.float64]]:
        """Return the latencies of each (variant, processor, state) with inputs of the usual size."""
        if math.isnan(self.usual_size):
            return self._grouped(range(len(self.latency_ms)))
        return self.by_size()[self.usual_size]

    def by_size(self) -> dict[float, dict[tuple[str, str, str], NDArray[np.float64]]]:
        """Return the latencies of each (variant, processor, state) at each size, the smallest first."""
        if math.isnan(self.usual_size):
            return {}
        sizes: list[float] = np.unique(self.size).tolist()
        return {size: self._grouped(np.flatnonzero(self.size == size).tolist()) for size in sizes}

    def _rows(self, rows: NDArray[np.intp]) -> "LatencyTable":
        variant, processor, state = (
            tuple(column[row] for row in rows) for column in (self.variant, self.processor, self.state)
        )
        return replace(
            self,
            variant=variant,
            processor=processor,
            state=state,
            latency_ms=self.latency_ms[rows],
            size=self.size[rows],
        )

    def _grouped(self, rows: Iterable[int]) -> dict[tuple[str, str, str], NDArray[np.float64]]:
        keys: dict[tuple[str, str, str], list[float]] = {}
        for row in rows:
            key = self.variant[row], self.processor[row], self.state[row]
            keys.setdefault(key, []).append(float(self.latency_ms[row]))
        return {key: np.array(values) for key, values in keys.items()}


def latency_path(folder: Path, state: str) -> Path:
    """Return where the latencies in a state of the device are stored."""
    return folder / "latency" / f"{state.replace(':', '-')}.parquet"


def write_latency(
    folder: Path, state: str, rows: Sequence[tuple[Variant, str, float, float]], metadata: Mapping[str, str]
) -> None:
    """Store the timed inferences of one state.

    Args:
        folder: of the profile.
        state: of the device.
        rows: variant, name of the processor, latency in ms, and size of the input (NaN: it plays no role).
        metadata: what the table notes: "device", "load" and "device_state" as the sampler saw them, and where size
            plays a role "usual_size", "sizes" (JSON), "unit" and "sized_by".
    """
    columns = {
        "variant": [variant.name for variant, _, _, _ in rows],
        "sha256": [variant.sha256 for variant, _, _, _ in rows],
        "processor": [processor for _, processor, _, _ in rows],
        "latency_ms": np.array([latency_ms for _, _, latency_ms, _ in rows], np.float64),
        "size": np.array([size for _, _, _, size in rows], np.float64),
    }
    write_table(latency_path(folder, state), columns, {"state": state, **metadata})


def sizes_in(path: Path) -> tuple[float, tuple[float, ...]] | None:
    """Return the usual size and all sizes that a table was measured at; None where there is none, or without sizes."""
    try:
        _, metadata = read_table(path)
        return float(metadata["usual_size"]), tuple(float(size) for size in parse_json(metadata["sizes"]))
    except (ProfileError, KeyError, ValueError, TypeError):
        return None


def read_latency(folder: Path, belonging: Belonging | None = None) -> LatencyTable | None:
    """Read every state that was measured; None when there is none.

    Args:
        folder: of the profile.
        belonging: what it is of; other tables, and other rows, are not read. None: all are.

    Raises:
        ProfileError: a damaged table.
    """
    tables = []
    for path, columns, metadata in read_belonging(sorted((folder / "latency").glob("*.parquet")), belonging):
        tables.append((columns, metadata))
        require_columns(path, {**columns, **metadata}, ("variant", "processor", "latency_ms", "state", "load"))
    if not tables:
        return None
    variant = tuple(name for columns, _ in tables for name in columns["variant"])
    processor = tuple(name for columns, _ in tables for name in columns["processor"])
    states = tuple(metadata["state"] for columns, metadata in tables for _ in columns["variant"])
    latency = np.concatenate([columns["latency_ms"] for columns, _ in tables])
    size = np.concatenate([columns.get("size", np.full(len(columns["variant"]), np.nan)) for columns, _ in tables])
    try:
        seen = {metadata["state"]: _seen(metadata) for _, metadata in tables}
        sizing = {_sizing(metadata) for _, metadata in tables}
    except (ValueError, TypeError, AttributeError) as error:
        raise ProfileError(f"{folder / 'latency'}: is damaged ({error!r}): measure again") from error
    table = LatencyTable(variant, processor, states, latency, seen, size)
    if len(sizing) == 1:
        return replace(table, **sizing.pop()._asdict())
    # measured at different times, with other samples: what they have in common is the usual size, whatever it was
    usual = np.concatenate(
        [np.full(len(columns["variant"]), _sizing(metadata).usual_size) for columns, metadata in tables]
    )
    return table._rows(np.flatnonzero(np.isnan(usual) | (size == usual)))


class _Sizing(NamedTuple):
    usual_size: float
    unit: str
    sized_by: str


def _sizing(metadata: Mapping[str, str]) -> _Sizing:
    return _Sizing(float(metadata.get("usual_size", _NO_SIZE)), metadata.get("unit", ""), metadata.get("sized_by", ""))


def _seen(metadata: Mapping[str, str]) -> dict[str, float]:
    """Return what the sampler saw; tables of compsel 0.1 hold the load alone."""
    numbers = parse_json(metadata.get("device_state", "{}"))
    return {name: float(value) for name, value in numbers.items()} | {"load_others": float(metadata["load"])}
