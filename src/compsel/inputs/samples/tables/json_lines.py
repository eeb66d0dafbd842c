"""Tables of JSON lines: an object a line."""

from pathlib import Path

from compsel.errors import SamplesError
from compsel.inputs.samples.tables.table import SampleTable, check_extent
from compsel.inputs.samples.tables.text_file import read_text
from compsel.storage.strict_json import parse_json

__all__ = ["read_json_lines"]


def read_json_lines(path: Path) -> SampleTable:
    """Read a table with an object a line; an object may lack columns that others have.

    Raises:
        SamplesError: no text, or a line that is no object.
    """
    text, remark = read_text(path)
    check_extent(path, text.count("\n"), 1)
    check_extent(path, text.count(":"), 1)  # one a field
    rows, columns = [], dict[str, None]()
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except ValueError as error:
            raise SamplesError(f"{path}, line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise SamplesError(f"{path}, line {number}: got {type(row).__name__}, allowed is an object a line")
        rows.append((number, row))
        if not row.keys() <= columns.keys():
            columns |= dict.fromkeys(row)
            check_extent(path, 1, len(columns))
    return SampleTable(path, tuple(columns), rows, (remark,) if remark else ())
