"""The measured peak memory of every choice, and how it is stored: `memory.parquet`, one row a choice."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from compsel.errors import ProfileError
from compsel.profiling.belonging import Belonging, read_belonging
from compsel.profiling.tables import device_text, require_columns
from compsel.storage.parquet import read_table, write_table

__all__ = ["memory_of_this_device", "read_memory", "write_memory"]

# names of the variant, its hash, the processor
Key = tuple[str, str, str]
_FILE = "memory.parquet"


def read_memory(folder: Path, belonging: Belonging | None = None) -> dict[tuple[str, str], float]:
    """Read the peak memory (MB) of the choices, by variant and processor; empty when it was not measured.

    Args:
        folder: of the profile.
        belonging: what it is of; another table, and other rows, are not read. None: all are.

    Raises:
        ProfileError: a damaged table.
    """
    path = folder / _FILE
    if not path.exists():
        return {}
    for _, columns, _ in read_belonging([path], belonging):
        require_columns(path, columns, ("variant", "processor", "peak_mb"))
        keys = zip(columns["variant"], columns["processor"], strict=True)
        return dict(zip(keys, map(float, columns["peak_mb"]), strict=True))
    return {}


def memory_of_this_device(folder: Path) -> dict[Key, float]:
    """Return the peak memory (MB) that this device measured, by variant, hash and processor."""
    path = folder / _FILE
    if not path.exists():
        return {}
    try:
        columns, metadata = read_table(path)
    except ProfileError:
        return {}
    if metadata.get("device") != device_text() or columns.keys() != {"variant", "sha256", "processor", "peak_mb"}:
        return {}
    keys = zip(columns["variant"], columns["sha256"], columns["processor"], strict=True)
    return dict(zip(keys, map(float, columns["peak_mb"]), strict=True))


def write_memory(folder: Path, measured: Mapping[Key, float]) -> None:
    """Store the peak memory (MB) of every choice, measured on this device."""
    variants, hashes, processors = zip(*measured, strict=True)
    columns = {"variant": list(variants), "sha256": list(hashes), "processor": list(processors)}
    write_table(folder / _FILE, {**columns, "peak_mb": np.array(list(measured.values()))}, {"device": device_text()})
