"""The groups of samples that are not independent of each other, `groups.parquet`: one row a sample."""

from collections.abc import Sequence
from pathlib import Path

from compsel.errors import ProfileError
from compsel.inputs.samples import Samples
from compsel.profiling.tables import require_columns
from compsel.storage.parquet import read_table, write_table

__all__ = ["read_groups", "write_groups"]

_FILE = "groups.parquet"


def write_groups(folder: Path, samples: Samples) -> None:
    """Write `groups.parquet`, or remove it where each sample is a group of its own."""
    path = folder / _FILE
    if samples.groups == samples.names:
        path.unlink(missing_ok=True)
    else:
        write_table(path, {"sample": list(samples.names), "group": list(samples.groups)}, {})


def read_groups(folder: Path, samples: Sequence[str]) -> tuple[str, ...]:
    """Return the group of each sample; empty where each is a group of its own.

    Raises:
        ProfileError: a damaged table, or one of other samples.
    """
    path = folder / _FILE
    if not path.exists():
        return ()
    columns, _ = read_table(path)
    require_columns(path, columns, ("sample", "group"))
    if list(columns["sample"]) != list(samples):
        raise ProfileError(f"{path}: is of other samples than the quality tables: measure again")
    return tuple(columns["group"])
