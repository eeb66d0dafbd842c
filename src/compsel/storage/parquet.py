"""Tables of texts, numbers and number vectors in a Parquet file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import ProfileError, require
from compsel.storage.files import atomic_file

__all__ = ["read_table", "write_table"]


def write_table(path: Path, columns: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> None:
    """Write columns as a Parquet file, completely or not at all.

    Args:
        path: of the file.
        columns: by name and of one length: numbers (n,) or (n, k) with k > 0 as arrays, or texts as a list.
        metadata: texts by name.

    Raises:
        StorageError: a full disk, no permission.
    """
    pa, parquet = require("pyarrow", "train"), require("pyarrow.parquet", "train")
    arrays = {}
    for name, values in columns.items():
        if isinstance(values, np.ndarray) and values.ndim == 2:
            arrays[name] = pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
        elif isinstance(values, np.ndarray):
            arrays[name] = pa.array(values)
        else:
            arrays[name] = pa.array(values, pa.string())
    table = pa.table(arrays).replace_schema_metadata(dict(metadata or {}))
    with atomic_file(path) as temporary:
        parquet.write_table(table, temporary, compression="zstd")


def read_table(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Read what `write_table` wrote: columns (arrays, lists of strings) and metadata.

    Raises:
        ProfileError: no such table, or a damaged one.
    """
    pa, parquet = require("pyarrow", "train"), require("pyarrow.parquet", "train")
    try:
        # a file on its own: a folder would be read as a data set
        table = parquet.ParquetFile(path).read()
        table.validate(full=True)
        columns = {name: _values(pa, table.column(name).combine_chunks()) for name in table.column_names}
        metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise ProfileError(f"{path}: cannot be read as a Parquet table: measure it again ({reason})") from error
    metadata.pop("ARROW:schema", None)
    return columns, metadata


def _values(pa: Any, column: Any) -> Any:
    if pa.types.is_fixed_size_list(column.type):
        return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), column.type.list_size)
    return column.to_pylist() if pa.types.is_string(column.type) else column.to_numpy(zero_copy_only=False)
