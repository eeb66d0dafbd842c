"""Kinds of answers, one a file: recognised, judged, and described.

A new kind: a file with a class that derives from `Task`, and its place in `TASKS`; the shared checks of
`tests/features/task_checks.py` then run over it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from compsel.errors import UsageError, did_you_mean
from compsel.extending.lazy_table import LazyTable

if TYPE_CHECKING:
    from compsel.features.tasks.base import Task
    from compsel.features.tasks.facts import AnswerFacts

__all__ = ["TASKS", "check_task", "recognise", "task_of"]

#: in the order in which they are tried
TASKS: "LazyTable[type[Task]]" = LazyTable(
    {
        "detection": "compsel.features.tasks.similarity:Detection",
        "embedding": "compsel.features.tasks.similarity:Embedding",
        "multioutput": "compsel.features.tasks.multioutput:Multioutput",
        "binary": "compsel.features.tasks.binary:Binary",
        "ordinal": "compsel.features.tasks.ordinal:Ordinal",
        "multilabel": "compsel.features.tasks.multilabel:Multilabel",
        "regression": "compsel.features.tasks.regression:Regression",
        "segmentation": "compsel.features.tasks.segmentation:Segmentation",
        "sequence": "compsel.features.tasks.sequence:TokenSequence",
        "multiclass": "compsel.features.tasks.multiclass:Multiclass",
        "similarity": "compsel.features.tasks.similarity:Similarity",
    }
)


def check_task(name: str) -> None:
    """Raise UsageError where there is no task of that name.

    >>> check_task("binry")
    Traceback (most recent call last):
    compsel.errors.UsageError: task: got 'binry', allowed are detection, ...
    """
    if name not in TASKS:
        raise UsageError(f"task: got {name!r}, allowed are {', '.join(TASKS)}{did_you_mean(name, TASKS)}")


def recognise(facts: "AnswerFacts", named: str | None = None) -> "Task":
    """Return the kind of the answers: the one that is named, or the first that knows them.

    Raises:
        UsageError: no such name.

    >>> from compsel.features.tasks.facts import AnswerFacts, OutputFacts
    >>> recognise(AnswerFacts((OutputFacts("p", "float32", (None, 1), "Sigmoid"),))).name
    'binary'
    """
    if named is not None:
        check_task(named)
        return TASKS[named].assumed(facts)
    return next(task for kind in TASKS.values() if (task := kind.recognise(facts)) is not None)


def task_of(name: str, options: Mapping[str, Any]) -> "Task":
    """Return a task as it is stored: its name, and what was found out.

    >>> task_of("binary", {"scores": "logit"})
    Binary(scores='logit')
    """
    check_task(name)
    return TASKS[name].from_options({key: tuple(one) if isinstance(one, list) else one for key, one in options.items()})
