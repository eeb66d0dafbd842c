"""Names of classes: read from a file, and found again in whatever form samples name them."""

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compsel.errors import SamplesError
from compsel.storage.sizes import DOCUMENT_BYTES, MOST_VALUES
from compsel.storage.strict_json import parse_json

__all__ = ["ClassNames", "names_from", "read_class_names"]

_NUMBERED = re.compile(r"(\d+)\s*[:,\t ]\s*(\S.*)")
_LONGEST_LITERAL = 1_000_000
_WORDNET_ID = re.compile(r"(n\d{8})\b[\s,:]*(.*)")


class ClassNames:
    """Names of the classes of a model, and where each name that people use for them stands.

    Names are compared without case, `_` and `-` count as spaces. Beside the name itself its synonyms
    ("tench, Tinca tinca") and its WordNet id ("n01440764 tench") are names, unless two classes share them.

    Args:
        names: one a class, in the order of the model's outputs.

    >>> classes = ClassNames(["n01440764 tench, Tinca tinca", "n01443537 goldfish"])
    >>> classes.place("Tench"), classes.place("N01443537"), classes.place("gold_fish"), classes.place("shark")
    (0, 1, None, None)
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._exact = {name: place for place, name in reversed(list(enumerate(self.names)))}
        owners: dict[str, set[int]] = {}
        whole: dict[str, set[int]] = {}
        for place, name in enumerate(self.names):
            whole.setdefault(_plain(name), set()).add(place)
            for form in _forms(name):
                owners.setdefault(form, set()).add(place)
        # a whole name is meant before it is meant as the synonym of another class
        self._places = {form: places for form, places in {**owners, **whole}.items() if len(places) == 1}

    def place(self, name: str) -> int | None:
        """Return which class a name means; None where it means none, or several."""
        if name in self._exact:
            return self._exact[name]
        found = self._places.get(_plain(name))
        if found is None:
            found = next((self._places[form] for form in _forms(name) if form in self._places), None)
        return None if found is None else next(iter(found))


def names_from(content: Any) -> tuple[str, ...]:
    """Return the names in what files hold: a list, or a mapping from class number to name, or the reverse.

    Returns () where it is none of these, or a number is missing.

    >>> names_from({"1": "dog", "0": "cat"}), names_from({"cat": 0, "dog": 1}), names_from({"0": "cat", "2": "dog"})
    (('cat', 'dog'), ('cat', 'dog'), ())
    """
    if isinstance(content, str):
        return _names_in_text(content)
    if isinstance(content, (list, tuple)):
        return tuple(map(str, content)) if all(isinstance(name, (str, int)) for name in content) else ()
    if not isinstance(content, Mapping):
        return ()
    pairs = {str(key): value for key, value in content.items()}
    if pairs and all(isinstance(value, int) for value in pairs.values()):
        pairs = {str(value): key for key, value in pairs.items()}
    # ImageNet's class index of Keras: {"0": ["n01440764", "tench"], ...}
    named = {key: " ".join(map(str, value)) if isinstance(value, list) else str(value) for key, value in pairs.items()}
    numbers = [str(number) for number in range(len(named))]
    return tuple(named[number] for number in numbers) if set(named) == set(numbers) else ()


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read names of classes: one a line, or JSON (a list, or a mapping between numbers and names).

    Lines may start with the number of their class, from 0 ("0 background", "0: background").

    Raises:
        SamplesError: it cannot be read, or holds no names.
    """
    from compsel.inputs.samples.tables.text_file import read_text  # the runtime reads no such files

    try:
        text, _ = read_text(path, DOCUMENT_BYTES)
    except (SamplesError, ValueError) as error:
        said = error if isinstance(error, SamplesError) else f"{path}: {error}"
        raise SamplesError(f"{said}: needed is a list of class names, one a line, or JSON") from error
    names: tuple[str, ...] = ()
    if path.suffix.lower() == ".json":
        try:
            content = parse_json(text)
        except ValueError as error:
            raise SamplesError(f"{path}: is no JSON: {error}") from error
        names = names_from(content["id2label"] if isinstance(content, dict) and "id2label" in content else content)
    else:
        names = _lines(text)
    if not names:
        raise SamplesError(
            f"{path}: holds no names of classes: allowed are one a line, or a JSON list, in the order of the model's "
            "outputs"
        )
    return names


def _lines(text: str) -> tuple[str, ...]:
    if text.count("\n") > MOST_VALUES:
        return ()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if len(lines) > 1 and all(found and found[1] == str(number) for number, found in enumerate(numbered)):
        return tuple(found[2] for found in numbered if found is not None)
    return tuple(lines)


def _names_in_text(text: str) -> tuple[str, ...]:
    """Return the names in a text of a model's metadata: JSON, a Python literal, one a line, or separated by commas."""
    if text.strip()[:1] in ("{", "["):
        for read in (parse_json, _literal):
            try:
                return names_from(read(text))
            except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
                continue
        return ()
    return _lines(text) if "\n" in text.strip() else tuple(part.strip() for part in text.split(",") if part.strip())


def _literal(text: str) -> Any:
    if len(text) > _LONGEST_LITERAL:
        raise ValueError(f"got {len(text):,} characters, allowed are {_LONGEST_LITERAL:,}")
    return ast.literal_eval(text)


def _plain(name: str) -> str:
    return " ".join(re.sub(r"[\s_-]+", " ", name).casefold().split())


def _forms(name: str) -> list[str]:
    """Return what else a name may be called: its WordNet id, what follows it, and each synonym."""
    found = _WORDNET_ID.match(name.casefold())
    forms = [found[1]] if found is not None else []
    rest = (found[2] if found is not None else name) or name
    return [form for form in [*forms, _plain(rest), *map(_plain, rest.split(","))] if form]
