"""Kinds of answers, one a file: recognised, judged, and described.

A new kind: a file with a class that derives from `Task`, and its place in `TASKS`; the shared checks of
`tests/features/task_checks.py` then run over it.
"""

from collections.abc import Mapping
from typing import Any

from compsel.errors import UsageError, did_you_mean
from compsel.features.tasks.base import Task
from compsel.features.tasks.binary import Binary
from compsel.features.tasks.facts import AnswerFacts, LabelFacts, OutputFacts
from compsel.features.tasks.multiclass import Multiclass
from compsel.features.tasks.multilabel import Multilabel
from compsel.features.tasks.multioutput import Multioutput
from compsel.features.tasks.ordinal import Ordinal
from compsel.features.tasks.regression import Regression
from compsel.features.tasks.segmentation import Segmentation
from compsel.features.tasks.sequence import TokenSequence
from compsel.features.tasks.similarity import Detection, Embedding, Similarity

__all__ = [
    "TASKS",
    "AnswerFacts",
    "Binary",
    "Detection",
    "Embedding",
    "LabelFacts",
    "Multiclass",
    "Multilabel",
    "Multioutput",
    "Ordinal",
    "OutputFacts",
    "Regression",
    "Segmentation",
    "Similarity",
    "Task",
    "TokenSequence",
    "check_task",
    "recognise",
    "task_of",
]

#: in the order in which they are tried
_KINDS: tuple[type[Task], ...] = (
    Detection,
    Embedding,
    Multioutput,
    Binary,
    Ordinal,
    Multilabel,
    Regression,
    Segmentation,
    TokenSequence,
    Multiclass,
    Similarity,
)
TASKS: dict[str, type[Task]] = {kind.name: kind for kind in _KINDS}


def check_task(name: str) -> None:
    """Raise UsageError where there is no task of that name.

    >>> check_task("binry")
    Traceback (most recent call last):
    compsel.errors.UsageError: task: got 'binry', allowed are detection, ...
    """
    if name not in TASKS:
        raise UsageError(f"task: got {name!r}, allowed are {', '.join(TASKS)}{did_you_mean(name, TASKS)}")


def recognise(facts: AnswerFacts, named: str | None = None) -> Task:
    """Return the kind of the answers: the one that is named, or the first that knows them.

    Raises:
        UsageError: no such name.

    >>> recognise(AnswerFacts((OutputFacts("p", "float32", (None, 1), "Sigmoid"),))).name
    'binary'
    """
    if named is not None:
        check_task(named)
        return TASKS[named].assumed(facts)
    return next(task for kind in _KINDS if (task := kind.recognise(facts)) is not None)


def task_of(name: str, options: Mapping[str, Any]) -> Task:
    """Return a task as it is stored: its name, and what was found out.

    >>> task_of("binary", {"scores": "logit"})
    Binary(scores='logit')
    """
    check_task(name)
    return TASKS[name].from_options({key: tuple(one) if isinstance(one, list) else one for key, one in options.items()})
