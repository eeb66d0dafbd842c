"""Labels as people write them, numbers or names, and the order in which the classes count."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from compsel.errors import SamplesError
from compsel.inputs.class_names import ClassNames, read_class_names
from compsel.inputs.samples.findings import some
from compsel.inputs.samples.written_targets import are_real_numbers, several_names, several_numbers

__all__ = ["MOST_CLASSES", "ClassLabels", "LabelOrder", "plain_label"]

MOST_CLASSES = 2**31  # the indices of classes are stored as int32
LabelOrder = Literal["none", "numbers", "labels=", "labels.txt", "dataset", "model", "sorted", "targets"]
_LONGEST_NUMBER = 18
_WHOLE = re.compile(r"\d+(\.0*)?")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class ClassLabels:
    """The labels of samples as indices of classes.

    Labels that are all numbers have to be whole, and are the indices. Others are names, and the order of the classes is
    the first of these that is there: the one that is given, that of a `labels.txt`, that of a dataset, that of the
    model (`ordered_by`), the sorted names.

    Attributes:
        said: what stands there; None where nothing does.
        indices: of the classes.
        names: of the classes, in the order of their indices; () where they are not known.
        order: where the order is from; "numbers" where the labels say it themselves.
        source: the table or folder, in messages.
        place: where a label stands, in messages.
        remark: about the order, where it was guessed.
        targets: of labels that are no class each: several of them, or real numbers; () where they are classes.

    >>> ClassLabels.read(["cat", "ant", None], "photos").indices
    (1, 0, None)
    >>> ClassLabels.read(["7", "3.0"], "photos").indices
    (7, 3)
    >>> ClassLabels.read(["2 4", "3"], "photos").targets
    ((2, 4), (3,))
    """

    said: tuple[str | None, ...]
    indices: tuple[int | None, ...]
    names: tuple[str, ...]
    order: LabelOrder
    source: str
    place: Callable[[int], str]
    remark: str = ""
    targets: tuple[Any, ...] = ()

    # many parameters: what is said, where, and the three ways in which an order is given
    @classmethod
    def read(
        cls,
        said: Sequence[str | None],
        source: object,
        place: Callable[[int], str] | None = None,
        given: Sequence[str] | str | os.PathLike[str] | None = None,
        beside: Path | None = None,
        order: LabelOrder = "labels=",
    ) -> "ClassLabels":
        """Find the order of the classes, and count the labels in it.

        Args:
            said: see `plain_label`.
            source, place: see the attributes.
            given: the names in their order, or a file of them.
            beside: a file of names that counts where it is there.
            order: what the order is called where it is `given`.

        Raises:
            SamplesError: a label that is no class, or names that stand there twice.
        """
        names, origin = _order(given, beside, order)
        if len(set(names)) < len(names):
            raise SamplesError(f"{source}: {origin} names a class twice: name each once")
        found = {label for label in said if label is not None}
        place = place or (lambda index: str(source))
        if not found <= set(names) and (targets := _targets(said, names)):
            nobody = (None,) * len(said)
            return cls(tuple(said), nobody, targets[1], "targets", str(source), place, targets=targets[0])
        if not found:
            origin = "none"
        elif all(_NUMBER.fullmatch(label) for label in found) and not found <= set(names):
            origin = "numbers"
        elif origin == "sorted":
            names = tuple(sorted(found))
        labels = cls(tuple(said), (), names, origin, str(source), place)
        return replace(labels, indices=labels._counted())

    def check(self) -> None:
        """Raise SamplesError for a label that is no class."""
        for index, target in enumerate(self.targets):
            if target is not None:
                raise SamplesError(
                    f"{self.place(index)}: got label {self.said[index]!r}, allowed is a whole number, 0 to "
                    f"{MOST_CLASSES - 1}, or a name: the models' answers are one class each"
                )

    def _counted(self) -> tuple[int | None, ...]:
        if self.order == "numbers":
            most = len(self.names) or MOST_CLASSES
            places = {label: _whole(label, most) for label in self.said if label is not None}
        else:
            most, classes = len(self.names), ClassNames(self.names)
            found = {label: classes.place(label) for label in self.said if label is not None}
            places = {label: most if place is None else place for label, place in found.items()}
        return self._looked_up(places, most)

    def _looked_up(self, places: dict[str, int], most: int) -> tuple[int | None, ...]:
        result: list[int | None] = []
        for index, label in enumerate(self.said):
            place = None if label is None else places.get(label, most)
            if place is not None and place >= most:
                allowed = f"0 to {most - 1}" if self.order == "numbers" else some(self.names)
                allowed = f"is a whole number, {allowed}" if most == MOST_CLASSES else f"are {allowed}"
                raise SamplesError(f"{self.place(index)}: got label {label!r}, allowed {allowed}")
            result.append(place)
        return tuple(result)

    def ordered_by(self, labels: Sequence[str]) -> "ClassLabels":
        """Return these labels with the classes in the order of a model's outputs.

        Where none of the names is one of the model's and there are as many of both, their sorted order is taken for the
        model's, and a remark says so: models seldom name classes as folders do.

        Args:
            labels: names of the model's classes; () where it has none.

        Raises:
            SamplesError: a label that is none of them, or another order that was given.
        """
        labels = tuple(labels)
        if self.order == "targets":
            again = several_names(self.said, labels) if self.names and labels else None
            return self if again is None else replace(self, targets=again[0], names=labels)
        if not labels or (labels == self.names and self.order != "sorted"):
            return self
        if self.order in ("labels=", "labels.txt"):
            raise SamplesError(
                f"{self.source}: {self.order} and the model name the classes differently "
                f"({some(self.names)} and {some(labels)}): leave out one of the two"
            )
        named = replace(self, names=labels)
        if self.order == "numbers" and _other_numbers(labels):
            return named._by_other_numbers()
        matched = self._matched(labels)
        if self.order == "numbers" and matched and min(matched.values()) >= 0:
            moved = [matched[name] for name in self.names]
            indices = tuple(None if index is None else moved[index] for index in self.indices)
            return self if list(labels) == list(self.names) else replace(named, order="model", indices=indices)
        if self.order in ("none", "numbers"):
            return named
        if len(labels) == len(self.names) and max(matched.values(), default=-1) < 0:
            remark = (
                f"none of them is a class of the model ({some(labels)}): the first is taken for its first, and so on"
            )
            return replace(self, remark=remark)
        most = len(labels)
        places = {name: place if place >= 0 else most for name, place in matched.items()}
        return replace(named, order="model", indices=named._looked_up(places, most))

    def _matched(self, labels: Sequence[str]) -> dict[str, int]:
        """Return for each name its place among others, as `ClassNames` compares them; -1 where it has none."""
        classes = ClassNames(labels)
        places = {name: classes.place(name) for name in self.names}
        return {name: -1 if place is None else place for name, place in places.items()}

    def _by_other_numbers(self) -> "ClassLabels":
        """Count labels whose model calls its classes by other numbers than their places: 1 to 5 stars."""
        places = {int(name): place for place, name in enumerate(self.names)}
        unknown = next((label for label in self.indices if label is not None and label not in places), None)
        if unknown is not None:
            raise SamplesError(
                f"{self.source}: got label {unknown}, allowed are the model's classes {some(self.names)}"
            )
        indices = tuple(None if label is None else places[label] for label in self.indices)
        return replace(self, order="model", indices=indices)

    @property
    def note(self) -> str:
        """A line that says where the order of the classes is from; "" where the labels say it themselves."""
        if self.order in ("none", "numbers", "targets"):
            return ""
        source = Path(self.source)
        file = (source if source.is_dir() else source.parent) / "labels.txt"
        other = f"put another order into {file}" if source.exists() else "labels= gives another order"
        origin = {
            "labels=": "as given",
            "labels.txt": "of labels.txt",
            "dataset": "of the dataset",
            "model": "of the model",
            "sorted": f"sorted by name ({other})",
        }[self.order]
        remark = f"; {self.remark}" if self.remark else ""
        return f"labels: {len(self.names)} classes, {some(self.names)}, in the order {origin}{remark}"


def _targets(said: Sequence[str | None], names: tuple[str, ...]) -> tuple[tuple[Any, ...], tuple[str, ...]] | None:
    """Return what labels say that are no class each, and the names of the classes; None where they are classes."""
    if (numbers := several_numbers(said)) is not None:
        return numbers, names
    if are_real_numbers(said):
        return tuple(None if label is None else float(label) for label in said), ()
    return several_names(said, names)


def plain_label(label: Any, place: str) -> str | None:
    """Return a label as the text that it is in a table; None where there is none.

    Raises:
        SamplesError: neither a name nor a whole number.

    >>> plain_label(3.0, "row 1"), plain_label(" cat ", "row 1"), plain_label(float("nan"), "row 1")
    ('3', 'cat', None)
    """
    if hasattr(label, "item") and not isinstance(label, (str, bytes)):
        label = label.item()
    if label is None or label != label:  # NaN: an empty field, as pandas reads it
        return None
    if isinstance(label, float) and label.is_integer():
        label = int(label)
    if isinstance(label, float):
        return repr(label)
    if isinstance(label, (list, tuple)) and all(isinstance(one, int) for one in label):
        return f"[{', '.join(map(str, label))}]"
    if isinstance(label, bool) or not isinstance(label, (str, int)):
        raise SamplesError(f"{place}: got label {label!r}, allowed is a name or a whole number")
    return str(label).strip() or None


def _order(
    given: Sequence[str] | str | os.PathLike[str] | None, beside: Path | None, order: LabelOrder
) -> tuple[tuple[str, ...], LabelOrder]:
    if given is not None:
        return (read_class_names(Path(given)) if isinstance(given, (str, os.PathLike)) else tuple(given)), order
    if beside is not None:
        for file in (beside / "labels.txt", beside / "classes.txt"):
            if file.is_file():
                return read_class_names(file), "labels.txt"
    return (), "sorted"


def _whole(label: str, most: int) -> int:
    """Return the number that a label is; `most`, which is no class, where it is not a whole one from 0."""
    if not _WHOLE.fullmatch(label):
        return most
    digits = label.partition(".")[0]
    return int(digits) if len(digits) <= _LONGEST_NUMBER else most


def _other_numbers(labels: Sequence[str]) -> bool:
    """Whether the names of classes are whole numbers, but not those of their places."""
    return all(name.isdecimal() for name in labels) and tuple(labels) != tuple(map(str, range(len(labels))))
