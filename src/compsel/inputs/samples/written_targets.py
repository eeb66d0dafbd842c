"""Labels of a table that are no class: several numbers (`2 4`), several names (`cat|dog`), real numbers."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from compsel.inputs.class_names import ClassNames

__all__ = ["are_real_numbers", "several_names", "several_numbers"]

_ONE = r"\d{1,9}(?:\.0*)?"
_SEVERAL = re.compile(rf"[\[(]?\s*(?:{_ONE}(?:(?:\s*[,;|/]\s*|\s+){_ONE})*)?\s*[\])]?")
_SINGLE = re.compile(rf"\s*{_ONE}\s*")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_WHOLE = re.compile(r"[+-]?\d+(\.0*)?")
_BETWEEN_NAMES = re.compile(r"[|;]")


def several_numbers(said: Sequence[str | None]) -> tuple[Any, ...] | None:
    """Return the numbers of labels of which some are several; None where these are no such labels.

    Rows of as many zeros and ones each, in which one of them repeats, say of each class whether it is there.

    >>> several_numbers(["2 4", "3", None]), several_numbers(["[0, 1, 1]", "[1, 0, 0]"])
    (((2, 4), (3,), None), (array([0, 1, 1]), array([1, 0, 0])))
    >>> several_numbers(["2", "3"]) is None
    True
    """
    found = [label for label in said if label is not None]
    if not found or not all(_SEVERAL.fullmatch(label) for label in found) or all(map(_SINGLE.fullmatch, found)):
        return None
    rows = [None if label is None else tuple(int(float(one)) for one in re.findall(r"[\d.]+", label)) for label in said]
    known = [row for row in rows if row is not None]
    flags = len({len(row) for row in known}) == 1 and {number for row in known for number in row} <= {0, 1}
    if flags and any(len(set(row)) < len(row) for row in known):
        return tuple(None if row is None else np.array(row) for row in rows)
    return tuple(rows)


def several_names(said: Sequence[str | None], names: Sequence[str] = ()) -> tuple[Any, tuple[str, ...]] | None:
    """Return the places of names of which some labels have several, and the names; None where these are no such labels.

    Args:
        said: labels; `|` or `;` stands between names.
        names: in their order, where that is known; else they are sorted.

    >>> several_names(["cat|dog", "dog", "ant"])
    (((1, 2), (2,), (0,)), ('ant', 'cat', 'dog'))
    """
    parts = [None if label is None else _names(label) for label in said]
    single = {part[0] for part in parts if part is not None and len(part) == 1}
    several = {one for part in parts if part is not None and len(part) > 1 for one in part}
    # a name with such a mark in it is one name: its parts never stand alone, nor in other company
    alone = single & several or len(several) < sum(len(part) for part in parts if part is not None and len(part) > 1)
    if not several or not alone:
        return None
    if not names:
        names = tuple(sorted(single | several))
    classes = ClassNames(names)
    places = {one: classes.place(one) for one in single | several}
    if any(place is None for place in places.values()):
        return None
    return tuple(None if part is None else tuple(places[one] for one in part) for part in parts), tuple(names)


def are_real_numbers(said: Sequence[str | None]) -> bool:
    """Whether labels are all numbers, and some of them not whole.

    >>> are_real_numbers(["1", "2.5", None]), are_real_numbers(["1", "2.0"])
    (True, False)
    """
    found = [label for label in said if label is not None]
    return all(map(_NUMBER.fullmatch, found)) and not all(map(_WHOLE.fullmatch, found))


def _names(label: str) -> list[str]:
    return [part.strip() for part in _BETWEEN_NAMES.split(label) if part.strip()]
