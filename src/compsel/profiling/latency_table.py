"""The measured latencies and how they are stored: one Parquet file a state of the device, one row an inference."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError
from compsel.profiling.tables import require_columns
from compsel.storage.parquet import read_table, write_table
from compsel.variants.variant import Variant

__all__ = ["LatencyTable", "latency_path", "read_latency", "write_latency"]


@dataclass(frozen=True)
class LatencyTable:
    """Every timed inference: from the decoded input to the outputs, preprocessing included; outliers are kept.

    Attributes:
        variant, processor, state: names, one an inference.
        latency_ms: (n,).
        seen: per state, medians of the numbers of `DeviceState` while it was measured; those that were known.

    >>> table = LatencyTable(("a/none",) * 2, ("cpu:1",) * 2, ("idle",) * 2, np.array([5.0, 7.0]), {"idle": {}})
    >>> {key: values.tolist() for key, values in table.by_choice().items()}
    {('a/none', 'cpu:1', 'idle'): [5.0, 7.0]}
    """

    variant: tuple[str, ...]
    processor: tuple[str, ...]
    state: tuple[str, ...]
    latency_ms: NDArray[np.float64]
    seen: Mapping[str, Mapping[str, float]]

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
        """Return the latencies of each (variant, processor, state)."""
        keys: dict[tuple[str, str, str], list[float]] = {}
        for variant, processor, state, value in zip(
            self.variant, self.processor, self.state, self.latency_ms, strict=True
        ):
            keys.setdefault((variant, processor, state), []).append(value)
        return {key: np.array(values) for key, values in keys.items()}


def latency_path(folder: Path, state: str) -> Path:
    """Return where the latencies in a state of the device are stored."""
    return folder / "latency" / f"{state.replace(':', '-')}.parquet"


def write_latency(
    folder: Path, state: str, rows: Sequence[tuple[Variant, str, float]], metadata: Mapping[str, str]
) -> None:
    """Store the timed inferences of one state.

    Args:
        folder: of the profile.
        state: of the device.
        rows: variant, name of the processor, and latency in ms.
        metadata: what the table notes: "device", and "load" and "device_state" as the sampler saw them.
    """
    columns = {
        "variant": [variant.name for variant, _, _ in rows],
        "sha256": [variant.sha256 for variant, _, _ in rows],
        "processor": [processor for _, processor, _ in rows],
        "latency_ms": np.array([latency_ms for _, _, latency_ms in rows], np.float64),
    }
    write_table(latency_path(folder, state), columns, {"state": state, **metadata})


def read_latency(folder: Path) -> LatencyTable | None:
    """Read every state that was measured; None when there is none.

    Raises:
        ProfileError: a damaged table.
    """
    paths = sorted((folder / "latency").glob("*.parquet"))
    if not paths:
        return None
    tables = [read_table(path) for path in paths]
    for path, (columns, metadata) in zip(paths, tables, strict=True):
        require_columns(path, {**columns, **metadata}, ("variant", "processor", "latency_ms", "state", "load"))
    variant = tuple(name for columns, _ in tables for name in columns["variant"])
    processor = tuple(name for columns, _ in tables for name in columns["processor"])
    states = tuple(metadata["state"] for columns, metadata in tables for _ in columns["variant"])
    latency = np.concatenate([columns["latency_ms"] for columns, _ in tables])
    try:
        seen = {metadata["state"]: _seen(metadata) for _, metadata in tables}
    except (ValueError, TypeError, AttributeError) as error:
        raise ProfileError(f"{folder / 'latency'}: is damaged ({error!r}): measure again") from error
    return LatencyTable(variant, processor, states, latency, seen)


def _seen(metadata: Mapping[str, str]) -> dict[str, float]:
    """Return what the sampler saw; tables of compsel 0.1 hold the load alone."""
    numbers = json.loads(metadata.get("device_state", "{}"))
    return {name: float(value) for name, value in numbers.items()} | {"load_others": float(metadata["load"])}
