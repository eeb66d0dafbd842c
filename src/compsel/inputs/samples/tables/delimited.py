"""Tables of delimited text: `.csv`, `.tsv`, with commas, semicolons, tabs or bars."""

import csv
import io
import re
from pathlib import Path

from compsel.errors import SamplesError
from compsel.inputs.samples.tables.table import SampleTable, check_extent
from compsel.inputs.samples.tables.text_file import read_text

__all__ = ["read_delimited"]

_DELIMITERS = (",", ";", "\t", "|")
_LONGEST_HEADER = 1_000_000  # characters
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
Lines = list[tuple[int, list[str]]]


def read_delimited(path: Path) -> SampleTable:
    """Read a table whose first line names the columns.

    The delimiter is the one that the first line has most of. In `.tsv` each line is a row, a field in double quotes
    stands for what is between them, and other quotes are text; where that fits no table, it is read as CSV is.

    Raises:
        SamplesError: no text, more than is held in memory, quotes that do not end, a row of another length than the
            header.
    """
    text, remark = read_text(path)
    remarks = (remark,) if remark else ()
    delimiter, skipped, text = _delimiter(path, text)
    # before fields are made of it: each that is one stands before such a character
    check_extent(path, text.count(delimiter) + text.count("\n"), 1)
    plain = _plain_lines(text, skipped) if delimiter == "\t" and path.suffix.lower() == ".tsv" else []
    if plain and all(len(fields) == len(plain[0][1]) for _, fields in plain):
        return SampleTable.of_fields(path, plain[0][1], plain[1:], remarks)
    try:
        lines = _quoted_lines(text, delimiter, skipped)
    except csv.Error as error:
        lines = plain
        if not plain:
            raise SamplesError(f"{path}: not a table of text with quotes that end: {error}") from error
    # what fits neither way is refused with the lines of the simpler one
    fits = all(len(fields) == len(lines[0][1]) for _, fields in lines)
    lines = lines if fits or not plain else plain
    return SampleTable.of_fields(path, lines[0][1] if lines else [], lines[1:], remarks)


def _delimiter(path: Path, text: str) -> tuple[str, int, str]:
    """Return the delimiter, how many lines came before the header, and the text from there."""
    said = re.match(r"sep=(.)\r?\n", text)  # Excel's way to say it
    if said is not None:
        return said.group(1), 1, text[said.end() :]
    if len(text.partition("\n")[0]) > _LONGEST_HEADER:
        raise SamplesError(f"{path}: its first line has over {_LONGEST_HEADER:,} characters: it names the columns")
    usual = "\t" if path.suffix.lower() == ".tsv" else ","

    def columns(delimiter: str) -> tuple[int, bool]:
        try:
            header = next(csv.reader(io.StringIO(text[:_LONGEST_HEADER], newline=""), delimiter=delimiter), [])
        except csv.Error:
            header = []
        return len(header), delimiter == usual

    return max(_DELIMITERS, key=columns), 0, text


def _quoted_lines(text: str, delimiter: str, skipped: int) -> Lines:
    # a stream of the text would take four bytes a character
    reader = csv.reader((found[0] for found in _LINE.finditer(text)), delimiter=delimiter, strict=True)
    return [(reader.line_num + skipped, fields) for fields in reader if fields]


def _plain_lines(text: str, skipped: int) -> Lines:
    # not splitlines(), which also splits at separators that texts may hold
    lines = [line.rstrip("\r") for line in text.split("\n")]
    return [
        (number, [_unquoted(field) for field in line.split("\t")])
        for number, line in enumerate(lines, start=1 + skipped)
        if line
    ]


def _unquoted(field: str) -> str:
    inner = field[1:-1]
    quoted = len(field) > 1 and field[0] == field[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if quoted else field
