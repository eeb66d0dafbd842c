"""Tables of JSON lines: an object a line."""

import json
from pathlib import Path

from compsel.errors import SamplesError
from compsel.inputs.samples.tables.table import SampleTable
from compsel.inputs.samples.tables.text_file import read_text

__all__ = ["read_json_lines"]


def read_json_lines(path: Path) -> SampleTable:
    """Read a table with an object a line; an object may lack columns that others have.

    Raises:
        SamplesError: no text, or a line that is no object.
    """
    text, remark = read_text(path)
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise SamplesError(f"{path}, line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise SamplesError(f"{path}, line {number}: got {type(row).__name__}, allowed is an object a line")
        rows.append((number, row))
    columns = dict.fromkeys(column for _, row in rows for column in row)
    return SampleTable(path, tuple(columns), rows, (remark,) if remark else ())
