"""What samples are not independent of each other: `groups.parquet`, and `folds.parquet` for what learned from them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ProfileError
from compsel.inputs.samples import Samples
from compsel.profiling.tables import require_columns
from compsel.storage.parquet import read_table, write_table
from compsel.techniques.heads.folds import sample_hashes

__all__ = ["read_folds", "read_groups", "read_hashes", "write_folds", "write_groups"]

_GROUPS, _FOLDS = "groups.parquet", "folds.parquet"


def write_groups(folder: Path, samples: Samples) -> None:
    """Write `groups.parquet`, or remove it where each sample is a group of its own."""
    path = folder / _GROUPS
    if samples.groups == samples.names:
        path.unlink(missing_ok=True)
    else:
        write_table(path, {"sample": list(samples.names), "group": list(samples.groups)}, {})


def read_groups(folder: Path, samples: Sequence[str]) -> tuple[str, ...]:
    """Return the group of each sample; empty where each is a group of its own.

    Raises:
        ProfileError: a damaged table, or one of other samples.
    """
    return tuple(_read(folder / _GROUPS, samples, "group"))


def write_folds(folder: Path, samples: Samples, fold_of: NDArray[np.integer] | None) -> None:
    """Write `folds.parquet`, or remove it where no variant learned from the samples."""
    path = folder / _FOLDS
    if fold_of is None:
        path.unlink(missing_ok=True)
    else:
        hashes = sample_hashes(samples).view(np.int64)
        write_table(path, {"sample": list(samples.names), "fold": np.asarray(fold_of, np.int64), "hash": hashes}, {})


def read_folds(folder: Path, samples: Sequence[str]) -> NDArray[np.int64] | None:
    """Return the fold (n,) of each sample; None where no variant learned from the samples.

    Raises:
        ProfileError: a damaged table, or one of other samples.
    """
    found = _read(folder / _FOLDS, samples, "fold")
    return np.asarray(found, np.int64) if len(found) else None


def read_hashes(folder: Path, samples: Sequence[str]) -> NDArray[np.uint64]:
    """Return the hash of the content of each sample, uint64 (n,); empty where no variant learned from the samples.

    Raises:
        ProfileError: a damaged table, or one of other samples.
    """
    return np.asarray(_read(folder / _FOLDS, samples, "hash"), np.int64).view(np.uint64)


def _read(path: Path, samples: Sequence[str], column: str) -> Sequence[str] | NDArray[np.int64]:
    if not path.exists():
        return ()
    columns, _ = read_table(path)
    require_columns(path, columns, ("sample", column))
    if list(columns["sample"]) != list(samples):
        raise ProfileError(f"{path}: is of other samples than the quality tables: measure again")
    found: Sequence[str] | NDArray[np.int64] = columns[column]
    return found
