"""Tables of texts, numbers and number vectors in a Parquet file."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import ProfileError, one_line, require
from compsel.storage.files import atomic_file
from compsel.storage.parquet_sizes import check_parquet
from compsel.storage.regular_files import file_size, open_regular
from compsel.storage.sizes import most_unpacked_bytes, physical_memory_bytes

__all__ = ["ROW_GROUP_ROWS", "opened_parquet", "parquet_errors", "read_table", "write_table"]

#: rows that are written as one group: a reader of a part of a table holds a few of them, however long it is
ROW_GROUP_ROWS = 131_072

_MOST_BYTES, _MOST_PAGES = 10**13, 10**7  # of a table that is read in pieces


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
        parquet.write_table(table, temporary, compression="zstd", row_group_size=ROW_GROUP_ROWS)


def read_table(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Read what `write_table` wrote: columns (arrays, lists of strings) and metadata.

    Raises:
        ProfileError: no such table, or a damaged one.
    """
    pa = require("pyarrow", "train")
    with parquet_errors(path):
        with opened_parquet(path) as file:
            table = file.read()
        table.validate(full=True)
        columns = {name: _values(pa, table.column(name).combine_chunks()) for name in table.column_names}
        metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    metadata.pop("ARROW:schema", None)
    return columns, metadata


@contextlib.contextmanager
def parquet_errors(path: Path, advice: str = "measure it again") -> Iterator[None]:
    """Turn what goes wrong in reading a Parquet file into `ProfileError`.

    Args:
        path: of the file.
        advice: what to do.
    """
    pa = require("pyarrow", "train")
    try:
        yield
    except (OSError, ValueError, OverflowError, pa.ArrowException) as error:
        raise ProfileError(f"{path}: cannot be read as a Parquet table: {advice} ({one_line(error)})") from error


@contextlib.contextmanager
def opened_parquet(path: Path, *, in_pieces: bool = False) -> Iterator[Any]:
    """Open a Parquet file, as pyarrow's `ParquetFile`; what it unpacks to is known before it is read.

    Args:
        path: of the file.
        in_pieces: it is one of ours, and read some rows at a time: all may take far more room than the file.

    Raises:
        ValueError: a footer beyond all reason, or values that take far more room than the file.
        OSError: it cannot be read, or is no file.
        pyarrow.ArrowException: not a Parquet file, or a damaged one.
    """
    parquet = require("pyarrow.parquet", "train")
    with open_regular(path, physical_memory_bytes()) as stream:
        if in_pieces:
            check_parquet(stream, _MOST_BYTES, _MOST_PAGES)
        else:
            check_parquet(stream, most_unpacked_bytes(file_size(stream)))
    # by its path: threads of pyarrow that still hold bytes of a stream of Python wait for the interpreter as it ends
    # without pre_buffer: with it the bytes of every group of rows that was read are held until the file is closed
    with parquet.ParquetFile(path, pre_buffer=False) as file:
        yield file


def _values(pa: Any, column: Any) -> Any:
    if pa.types.is_fixed_size_list(column.type):
        return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), column.type.list_size)
    return column.to_pylist() if pa.types.is_string(column.type) else column.to_numpy(zero_copy_only=False)
