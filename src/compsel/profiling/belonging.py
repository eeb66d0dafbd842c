"""Which of the stored costs are of a profile: its files, its device, all of its choices."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.device.fingerprint import device_fingerprint
from compsel.storage.parquet import read_table
from compsel.variants.variant import Variant

__all__ = ["Belonging", "read_belonging", "unread_tables"]

Columns = Mapping[str, Any]


@dataclass(frozen=True)
class Belonging:
    """What a table must be of to be read; an earlier call may have left tables of other things in the folder.

    Attributes:
        hashes: SHA-256 of the files, by the names of variants.
        device: fingerprint; tables that note none, as old ones do, are taken for its.
        processors: names; a table belongs only where it has every variant on each of them; () where that is not known.

    >>> belonging = Belonging({"a": "1"}, {}, ("cpu:1", "cpu:2"))
    >>> belonging.why_not({"variant": ["a", "a"], "sha256": ["1", "2"], "processor": ["cpu:1", "cpu:2"]}, {})
    'with other files (a)'
    >>> belonging.why_not({"variant": ["a"], "sha256": ["1"], "processor": ["cpu:1"]}, {})
    'without a on cpu:2'
    """

    hashes: Mapping[str, str]
    device: Mapping[str, Any]
    processors: tuple[str, ...] = ()

    @classmethod
    def here(cls, variants: Iterable[Variant], processors: Iterable[str] = ()) -> "Belonging":
        """Return that of what this device measures."""
        return cls({one.name: one.sha256 for one in variants}, device_fingerprint(), tuple(processors))

    def rows(self, columns: Columns) -> NDArray[np.intp]:
        """Return the rows that are of these files, and of these processors."""
        names, places = columns["variant"], columns["processor"]
        hashes = columns.get("sha256", [self.hashes.get(name) for name in names])  # tables that note none are trusted
        kept = [
            row
            for row, (name, digest, place) in enumerate(zip(names, hashes, places, strict=True))
            if name in self.hashes and digest == self.hashes[name] and (not self.processors or place in self.processors)
        ]
        return np.array(kept, np.intp)

    def why_not(self, columns: Columns, metadata: Mapping[str, str]) -> str:
        """Return in words why a table does not belong; "" where it does."""
        device = json.dumps(dict(self.device), sort_keys=True)
        if metadata.get("device", device) != device:
            return "on another device"
        rows = self.rows(columns)
        if not len(rows):
            return "with other files"
        found = {(columns["variant"][row], columns["processor"][row]) for row in rows}
        missing = [(name, place) for name in self.hashes for place in self.processors if (name, place) not in found]
        if not missing:
            return ""
        name, place = missing[0]
        same_name = {*zip(columns["variant"], columns["processor"], strict=True)}
        return f"with other files ({name})" if missing[0] in same_name else f"without {name} on {place}"


def read_belonging(
    paths: Iterable[Path], belonging: Belonging | None
) -> Iterator[tuple[Path, dict[str, Any], dict[str, str]]]:
    """Read the tables that belong, and of these the rows that do: path, columns, metadata.

    Raises:
        ProfileError: a damaged table.
    """
    for path in paths:
        columns, metadata = read_table(path)
        if belonging is None or not {"variant", "processor"} <= columns.keys():  # the reader tells what is missing
            yield path, columns, metadata
        elif not belonging.why_not(columns, metadata):
            rows = belonging.rows(columns)
            yield path, {name: _take(values, rows) for name, values in columns.items()}, metadata


def unread_tables(folder: Path, belonging: Belonging) -> list[str]:
    """Return in words which states of the device were measured into a folder for something else, and are not read."""
    said = []
    for path in sorted((folder / "latency").glob("*.parquet")):
        columns, metadata = read_table(path)
        if reason := belonging.why_not(columns, metadata):
            said.append(f"{metadata.get('state', path.stem)} was measured before, {reason}: it is not used")
    return said


def _take(values: Any, rows: NDArray[np.intp]) -> Any:
    return values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]
