"""Tables as people have them: read as rows of named fields."""

from collections.abc import Sequence
from pathlib import Path

from compsel.errors import SamplesError
from compsel.inputs.samples.tables.delimited import read_delimited
from compsel.inputs.samples.tables.json_lines import read_json_lines
from compsel.inputs.samples.tables.parquet import read_parquet
from compsel.inputs.samples.tables.table import Rows, SampleTable
from compsel.storage.paths import is_there

__all__ = ["TABLE_SUFFIXES", "Rows", "SampleTable", "read_table"]

_READERS = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".parquet": read_parquet,
}
#: of files that are tables
TABLE_SUFFIXES: Sequence[str] = tuple(_READERS)


def read_table(path: Path) -> SampleTable:
    """Read a table by its suffix.

    Raises:
        SamplesError: no such file, another suffix, or a damaged one.
        MissingDependencyError: a Parquet file, and no pyarrow.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        got = path.suffix or "without suffix"
        raise SamplesError(f"{path}: got a file {got}, allowed are {', '.join(TABLE_SUFFIXES)}")
    if not is_there(path):
        raise SamplesError(f"{path}: no such file: give a table of texts, or one that names image files")
    return reader(path)
