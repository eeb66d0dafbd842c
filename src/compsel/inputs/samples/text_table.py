"""A table of texts, with labels and groups where it has them."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from compsel.errors import SamplesError
from compsel.inputs.class_names import ClassNames
from compsel.inputs.samples.base import MOST_CLASSES, ListedSamples
from compsel.inputs.samples.text_rows import Rows, read_text_rows

__all__ = ["LabelOrder", "TextTable"]

LabelOrder = Literal["none", "numbers", "labels=", "labels.txt", "model", "sorted"]
_LABEL, _GROUP = "label", "group"
_LONGEST_NUMBER = 10
_SHOWN = 3


class TextTable(ListedSamples):
    """A table of texts: `.csv`, `.tsv`, `.jsonl` or `.parquet` in UTF-8, with a text, and optionally a label, a row.

    Labels that are whole numbers are the indices of the classes. Others are names, and the order of the classes is the
    first of these that is there: `labels`, a `labels.txt` beside the table (a name a line), the names in the model's
    metadata (`ordered_by`), the sorted names. A row without a label is a sample without label.

    Args:
        path: of the table.
        text: column of the texts.
        label: column of the labels; the table may lack "label", another one has to be there.
        group: column of the groups, whose samples are never split between training and test; None: "group", where
            there is such a column. Else each sample is its own.
        labels: names of the classes, in the order of the model's outputs, or the path of a file with one a line.

    Attributes:
        label_order: where the order of the classes is from; "numbers" where the labels say it themselves.

    Raises:
        SamplesError: no such table, a damaged one, a column that is not there, an empty text, a label that is no class.

    >>> import tempfile
    >>> table = Path(tempfile.mkdtemp()) / "intents.csv"
    >>> _ = table.write_text("text,label\\nturn it off,lights\\nhow are you,greeting\\n")
    >>> samples = TextTable(table)
    >>> samples[0].value, samples.labels, samples.label_names, samples.label_order
    ('turn it off', (1, 0), ('greeting', 'lights'), 'sorted')
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        text: str = "text",
        label: str = _LABEL,
        group: str | None = None,
        labels: Sequence[str] | str | os.PathLike[str] | None = None,
    ) -> None:
        self.path = Path(path)
        required = [text, *([label] if label != _LABEL else []), *([group] if group is not None else [])]
        rows = read_text_rows(self.path, required, (label, group or _GROUP))
        if not rows:
            raise SamplesError(f"{self.path}: has no rows: give a table with a column {text!r}")
        self._lines = [line for line, _ in rows]
        self._texts = [self._text(row[text], line) for line, row in rows]
        self._said = [self._read_label(row.get(label), line) for line, row in rows]
        self._label_names, self.label_order = self._order(labels)
        names = [f"row {number}" for number in range(1, len(rows) + 1)]
        super().__init__(names, self._indices(), _groups(rows, group or _GROUP, names))

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order that the labels count; () where labels are numbers without names."""
        return self._label_names

    def value(self, index: int) -> str:
        """Return the text at `index`; the same object each time."""
        return self._texts[index]

    def version(self, index: int) -> str:
        """Return a hash of the text at `index`."""
        return hashlib.sha256(self._texts[index].encode("utf-8", "surrogatepass")).hexdigest()

    def ordered_by(self, labels: Sequence[str]) -> "TextTable":
        """Return these samples with the classes in the order of a model's outputs.

        Args:
            labels: names of the model's classes; () where it has none.

        Raises:
            SamplesError: a label that is none of them, or another order in `labels` or `labels.txt`.
        """
        labels = tuple(labels)
        if not labels or (labels == self.label_names and self.label_order != "sorted"):
            return self
        if self.label_order in ("labels=", "labels.txt"):
            raise SamplesError(
                f"{self.path}: {self.label_order} and the model name the classes differently "
                f"({_start(self.label_names)} and {_start(labels)}): leave out one of the two"
            )
        ordered = object.__new__(TextTable)
        vars(ordered).update(vars(self))
        ordered._label_names = labels
        if self.label_order == "numbers" and _other_numbers(labels):
            places = {int(name): place for place, name in enumerate(labels)}
            unknown = next((label for label in self._labels if label is not None and label not in places), None)
            if unknown is not None:
                raise SamplesError(
                    f"{self.path}: got label {unknown}, allowed are the model's classes {_start(labels)}"
                )
            ordered._labels = tuple(None if label is None else places[label] for label in self._labels)
            ordered.label_order = "model"
        if self.label_order == "sorted":
            ordered.label_order = "model"
            ordered._labels = tuple(ordered._indices())
        return ordered

    def label_note(self) -> str:
        """Say in a line where the order of the classes is from; "" where the labels say it themselves."""
        if self.label_order in ("none", "numbers"):
            return ""
        origin = {
            "labels=": "as given",
            "labels.txt": f"of {self.path.with_name('labels.txt')}",
            "model": "of the model",
            "sorted": "sorted by name (put another order into labels.txt beside the table)",
        }[self.label_order]
        return f"labels: {len(self.label_names)} classes, {_start(self.label_names)}, in the order {origin}"

    def _text(self, text: Any, line: int) -> str:
        if not isinstance(text, str):
            raise SamplesError(f"{self.path}, line {line}: got {type(text).__name__} as a text, allowed is a string")
        if not text or text.isspace():
            raise SamplesError(f"{self.path}, line {line}: the text is empty: remove the row, or fill it")
        return text

    def _read_label(self, label: Any, line: int) -> str | None:
        """Return what a row says; None where it says nothing."""
        if label is None or label == "":
            return None
        if isinstance(label, bool) or not isinstance(label, (str, int)):
            raise SamplesError(f"{self.path}, line {line}: got label {label!r}, allowed is a name or a whole number")
        return str(label)

    def _order(self, labels: Sequence[str] | str | os.PathLike[str] | None) -> tuple[tuple[str, ...], LabelOrder]:
        beside = self.path.with_name("labels.txt")
        names: tuple[str, ...] = ()
        origin: LabelOrder = "sorted"
        if labels is not None:
            names = tuple(labels) if not isinstance(labels, (str, os.PathLike)) else _read_names(Path(labels))
            origin = "labels="
        elif beside.is_file():
            names, origin = _read_names(beside), "labels.txt"
        if len(set(names)) < len(names):
            raise SamplesError(f"{self.path}: {origin} names a class twice: name each once")
        said = self._named()
        if not said:
            return names, "none"
        if all(label.isdecimal() for label in said):
            return names, "numbers"
        return (names, origin) if origin != "sorted" else (tuple(sorted(said)), "sorted")

    def _named(self) -> set[str]:
        return {label for label in self._said if label is not None}

    def _indices(self) -> list[int | None]:
        if self.label_order == "numbers":
            most = len(self.label_names) or MOST_CLASSES
            places = {
                label: int(label) if len(label) <= _LONGEST_NUMBER else most for label in filter(None, self._said)
            }
        else:
            most = len(self.label_names)
            classes = ClassNames(self.label_names)
            places = {label: most if (place := classes.place(label)) is None else place for label in self._named()}
        result: list[int | None] = []
        for line, label in zip(self._lines, self._said, strict=True):
            place = None if label is None else places.get(label, most)
            if place is not None and place >= most:
                allowed = f"0 to {most - 1}" if self.label_order == "numbers" else _start(self.label_names)
                raise SamplesError(f"{self.path}, line {line}: got label {label!r}, allowed are {allowed}")
            result.append(place)
        return result


def _groups(rows: Rows, column: str, names: Sequence[str]) -> list[str]:
    found = [row.get(column) for _, row in rows]
    return [name if group is None or group == "" else str(group) for name, group in zip(names, found, strict=True)]


def _read_names(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SamplesError(f"{path}: cannot be read as a list of class names: {error}") from error
    return tuple(line.strip() for line in lines if line.strip())


def _start(names: Sequence[str]) -> str:
    """Return the first names, for a message."""
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def _other_numbers(labels: Sequence[str]) -> bool:
    """Whether the names of classes are whole numbers, but not those of their places: 1 to 5 stars."""
    return all(name.isdecimal() for name in labels) and labels != tuple(map(str, range(len(labels))))
