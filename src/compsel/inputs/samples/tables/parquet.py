"""Tables in Parquet files."""

from pathlib import Path
from typing import Any

from compsel.errors import SamplesError, require
from compsel.inputs.samples.tables.table import SampleTable

__all__ = ["read_parquet"]


def read_parquet(path: Path) -> SampleTable:
    """Read the columns of a Parquet file that hold one value a row; lists, such as embeddings, are left.

    Raises:
        SamplesError: not a Parquet file, or a damaged one.
        MissingDependencyError: no pyarrow.
    """
    parquet, arrow = require("pyarrow.parquet", extra="train"), require("pyarrow", extra="train")
    try:
        schema = parquet.read_schema(path)
        columns = [field.name for field in schema if not _is_list(arrow, field.type)]
        rows = parquet.read_table(path, columns=columns).to_pylist()
    except (arrow.ArrowException, OSError) as error:
        raise SamplesError(f"{path}: not a Parquet file, or a damaged one: {error}") from error
    return SampleTable(path, tuple(columns), list(enumerate(rows, start=1)))


def _is_list(arrow: Any, kind: Any) -> bool:
    types = arrow.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))
