"""Tables in Parquet files."""

from pathlib import Path
from typing import Any

from compsel.errors import SamplesError, one_line, require
from compsel.inputs.samples.tables.table import SampleTable, check_extent
from compsel.storage.parquet import opened_parquet

__all__ = ["read_parquet"]


def read_parquet(path: Path) -> SampleTable:
    """Read the columns of a Parquet file that hold one value a row; lists, such as embeddings, are left.

    Raises:
        SamplesError: not a Parquet file, a damaged one, or one that unpacks to far more than its size.
        MissingDependencyError: no pyarrow.
    """
    arrow = require("pyarrow", extra="train")
    try:
        with opened_parquet(path) as file:
            columns = [field.name for field in file.schema_arrow if not _is_list(arrow, field.type)]
            check_extent(path, file.metadata.num_rows, len(columns))
            rows = file.read(columns=columns).to_pylist()
    except SamplesError:
        raise
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise SamplesError(f"{path}: not a Parquet file, or a damaged one: {one_line(error)}") from error
    return SampleTable(path, tuple(columns), list(enumerate(rows, start=1)))


def _is_list(arrow: Any, kind: Any) -> bool:
    types = arrow.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))
