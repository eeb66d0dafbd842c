"""A table of texts, with labels and groups where it has them."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from compsel.errors import SamplesError
from compsel.inputs.sample_options import DEFAULT_SAMPLE_OPTIONS, SampleOptions
from compsel.inputs.samples.classes import ClassLabels, plain_label
from compsel.inputs.samples.columns import find_column, required_column
from compsel.inputs.samples.findings import Findings, plural, some
from compsel.inputs.samples.listed import ListedSamples
from compsel.inputs.samples.tables import SampleTable, read_table
from compsel.storage.locations.using import fetch

__all__ = ["TextSamples", "TextTable", "text_column"]


class TextSamples(ListedSamples):
    """Texts in the rows of a table in memory.

    Args:
        table: the rows.
        options: columns, order of the classes, whether rows may be left out.

    Raises:
        SamplesError: no rows, no column of texts, an empty text, a label that is no class.

    >>> from pathlib import Path
    >>> table = SampleTable(Path("intents"), ("query", "intent"), [(1, {"query": "turn it off", "intent": "lights"})])
    >>> samples = TextSamples(table)
    >>> samples.description
    "1 text of 1 class; labels from intents, column 'intent'"
    """

    def __init__(self, table: SampleTable, options: SampleOptions = DEFAULT_SAMPLE_OPTIONS) -> None:
        findings = Findings(options.strict, noun="texts", notes=list(table.remarks))
        text = text_column(table, options.text) or required_column("text", table.columns, options.text, table.path)
        others = [column for column in table.columns if column != text]
        label = find_column("label", others, options.label, table.path, text)
        group = find_column("group", others, options.group, table.path, text)
        if not table.rows:
            raise SamplesError(f"{table.path}: has no rows: give a table with a column {text!r}")
        self._texts = [_text(table, row, text) for row in range(len(table.rows))]
        said = [None] * len(self._texts) if label is None else table.said(label, plain_label)
        names = [f"row {number}" for number in range(1, len(said) + 1)]
        _say_unlabelled(said, table, findings)
        classes = ClassLabels.read(said, table.path, table.place, options.labels, beside=table.path.parent)
        if classes.order != "none":
            findings.labels_from = table.path.name + ("" if label == "label" else f", column {label!r}")
        super().__init__(names, classes, _groups(table, group, names), findings)

    def value(self, index: int) -> str:
        """Return the text at `index`; the same object each time."""
        return self._texts[index]

    def version(self, index: int) -> str:
        """Return a hash of the text at `index`."""
        return hashlib.sha256(self._texts[index].encode("utf-8", "surrogatepass")).hexdigest()


class TextTable(TextSamples):
    """A table of texts: `.csv`, `.tsv`, `.jsonl` or `.parquet`, with a text, and optionally a label, a row.

    Labels that are whole numbers are the indices of the classes. Others are names, and the order of the classes is the
    first of these that is there: `labels`, a `labels.txt` beside the table (a name a line), the names in the model's
    metadata (`ordered_by`), the sorted names. A row without a label is a sample without label.

    Args:
        path: of the table.
        text, label, group: columns of the texts, the labels, and the groups whose samples are never split between
            training and test; None: found by usual words (`compsel.inputs.samples.columns`). What is named has to be
            there; a table may lack labels and groups.
        labels: names of the classes, in the order of the model's outputs, or the path of a file with one a line.
        options: all of these at once; what is given beside it counts.

    Raises:
        SamplesError: no such table, a damaged one, a column that is not there, an empty text, a label that is no class.

    >>> import tempfile
    >>> from pathlib import Path
    >>> table = Path(tempfile.mkdtemp()) / "intents.csv"
    >>> _ = table.write_text("text,label\\nturn it off,lights\\nhow are you,greeting\\n")
    >>> samples = TextTable(table)
    >>> samples[0].value, samples.labels, samples.label_names, samples.label_order
    ('turn it off', (1, 0), ('greeting', 'lights'), 'sorted')
    """

    # many parameters: the columns of a table; all have defaults
    def __init__(
        self,
        path: str | os.PathLike[str],
        text: str | None = None,
        label: str | None = None,
        group: str | None = None,
        labels: Sequence[str] | str | os.PathLike[str] | None = None,
        options: SampleOptions = DEFAULT_SAMPLE_OPTIONS,
    ) -> None:
        self.path = fetch(path)
        options = replace(
            options,
            text=text if text is not None else options.text,
            label=label if label is not None else options.label,
            group=group if group is not None else options.group,
            labels=labels if labels is not None else options.labels,
        )
        super().__init__(read_table(self.path), options)


def text_column(table: SampleTable, named: str | None = None) -> str | None:
    """Return the column of the texts: by what it is called, or the one that labels leave; None where there is none.

    Raises:
        SamplesError: several that could be it, or a named one that is not there.
    """
    found = find_column("text", table.columns, named, table.path)
    if found is None and len(table.columns) == 2:
        label = find_column("label", table.columns, None, table.path)
        left = [column for column in table.columns if column != label]
        return left[0] if label is not None and all(isinstance(one, str) for one in table.values(left[0])) else None
    return found


def _text(table: SampleTable, row: int, column: str) -> str:
    number, fields = table.rows[row]
    if column not in fields:
        raise SamplesError(f"{table.path}, line {number}: got columns {list(fields)}, needed is {column!r}")
    text = fields[column]
    if not isinstance(text, str):
        raise SamplesError(f"{table.place(row)}: got {type(text).__name__} as a text, allowed is a string")
    if not text or text.isspace():
        raise SamplesError(f"{table.place(row)}: the text is empty: remove the row, or fill it")
    return text


def _say_unlabelled(said: Sequence[str | None], table: SampleTable, findings: Findings) -> None:
    lines = [f"line {table.rows[row][0]}" for row, label in enumerate(said) if label is None]
    if not lines or len(lines) == len(said):
        return
    if findings.strict:
        findings.leave_out(lines, "have no label")
    findings.note(f"{plural(len(lines), 'rows')} without a label: {some(lines)}")


def _groups(table: SampleTable, column: str | None, names: Sequence[str]) -> list[str]:
    found: list[Any] = [None] * len(names) if column is None else table.values(column)
    return [name if group is None or group == "" else str(group) for name, group in zip(names, found, strict=True)]
