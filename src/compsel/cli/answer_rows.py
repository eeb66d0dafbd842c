"""Answers as rows: of the JSON of `compsel run` and `compsel demo`, and of the tables that they print."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compsel.errors import InputError
from compsel.inputs.class_names import read_class_names
from compsel.inputs.imagenet_classes import imagenet_classes
from compsel.models.output_structure import flat_output

if TYPE_CHECKING:
    from compsel.features.tasks.base import Task
    from compsel.runtime.answer import Answer

__all__ = ["given_names", "output_lines", "rows_of", "top_words"]

_TOP = 5  # classes of an answer in the JSON
_SHOWN = 4  # numbers of an output


def given_names(word: str | None, n_classes: int | None = None) -> tuple[str, ...]:
    """Return the names of the classes that `--labels` gives: those in a file, or ImageNet's; () where it gives none.

    Args:
        word: path of a file (see `read_class_names`), or "imagenet".
        n_classes: how many there are to be; None: any number.

    Raises:
        SamplesError: a file that cannot be read, or has no names.
        InputError: another number of them.

    >>> len(given_names("imagenet", 1000)), given_names(None)
    (1000, ())
    """
    if word is None:
        return ()
    names = imagenet_classes() if word == "imagenet" else read_class_names(Path(word))
    if n_classes is not None and len(names) != n_classes:
        raise InputError(f"{word}: has {len(names)} names, the model has {n_classes} classes: one each")
    return names


def rows_of(
    answers: Sequence[tuple[str, "Answer"]],
    names: Sequence[str] = (),
    key: str = "image",
    top: int = _TOP,
    outputs: Sequence[str] = (),
    task: "Task | None" = None,
) -> list[dict[str, Any]]:
    """Return one row an answer.

    Args:
        answers: by the names of their inputs.
        names: of the classes; () those of the answers, else numbers.
        key: what the input is called.
        top: how many classes.
        outputs: names of the model's outputs.
        task: what answers without class scores are.
    """
    return [
        {**_row(source, answer, names, key, top, outputs), **_decided(answer, names, task)}
        for source, answer in answers
    ]


def _decided(answer: "Answer", names: Sequence[str], task: "Task | None") -> dict[str, Any]:
    """Return what the outputs decide, where that is more than numbers."""
    if task is None or task.classes or answer.abstained:
        return {}
    words = task.words(answer.outputs, tuple(names or answer.labels))
    return {"name": words, "decided": words} if words else {}


# many parameters: what `rows_of` says of all of them
def _row(
    source: str, answer: "Answer", names: Sequence[str], key: str, top: int, outputs: Sequence[str]
) -> dict[str, Any]:
    classes = answer.output != "other"
    named = answer._replace(labels=tuple(names or answer.labels)) if classes else answer
    return {
        key: source,
        "label": answer.label if classes else None,
        "name": named.label_name
        if classes
        else _first(value for one in answer.outputs for array in flat_output(one) for value in array.flat),
        "choice": answer.choice,
        "latency_ms": answer.latency_ms,
        "decode_ms": answer.decode_ms,
        "features_ms": answer.features_ms,
        "selector_ms": answer.selector_ms,
        "stages_ms": [stage.latency_ms for stage in answer.stages],
        "constraints_met": answer.constraints_met,
        "note": answer.note,
        "abstained": answer.abstained,
        "top": _top(named, max(top, _TOP)) if classes else [],
        "outputs": [_output(*pair) for pair in zip(_filled(outputs, answer.outputs), answer.outputs, strict=True)],
    }


def _top(answer: "Answer", count: int) -> list[dict[str, Any]]:
    return [
        {
            "label": place,
            "name": answer.labels[place] if place < len(answer.labels) else str(place),
            "probability": share,
        }
        for place, share in answer.ranked(count)
    ]


def _filled(names: Sequence[str], outputs: Sequence[np.ndarray]) -> list[str]:
    return [names[place] if place < len(names) else f"output {place}" for place in range(len(outputs))]


def _output(name: str, output: Any) -> dict[str, Any]:
    if not isinstance(output, np.ndarray):
        arrays = flat_output(output)
        first = _first(value for array in arrays for value in array.flat)
        return {"name": name, "dtype": type(output).__name__, "shape": [len(arrays)], "first": first}
    return {"name": name, "dtype": str(output.dtype), "shape": list(output.shape), "first": _first(output.flat)}


def _first(values: Any) -> str:
    """Return the first of some values, as text."""
    values = list(islice(values, _SHOWN + 1))
    texts = [f"{value:.4g}" if isinstance(value, (np.number, np.bool_)) else str(value) for value in values[:_SHOWN]]
    return " ".join(texts + ["..."] * (len(values) > _SHOWN))


def output_lines(row: dict[str, Any]) -> list[str]:
    """Return what an answer without class scores gives, a line an output: name, type, shape, first values.

    >>> output_lines({"outputs": [{"name": "boxes", "dtype": "float32", "shape": [1, 2], "first": "0.5 12"}]})
    ['boxes float32 (1, 2): 0.5 12']
    """
    return [
        f"{one['name']} {one['dtype']} ({', '.join(map(str, one['shape']))}): {one['first']}" for one in row["outputs"]
    ]


def top_words(row: dict[str, Any], shown: int) -> str:
    """Return the class of an answer; with several to show, the most probable ones with their probabilities."""
    if row["abstained"]:
        return "abstained"
    if shown < 2:
        return str(row["name"])
    return ", ".join(f"{one['name']} {one['probability']:.1%}" for one in row["top"][:shown])
