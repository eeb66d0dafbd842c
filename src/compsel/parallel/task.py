"""A piece of work, and what became of it."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

__all__ = ["ParallelTask", "Results", "TaskResult", "Work"]


@dataclass(frozen=True)
class ParallelTask:
    """A piece of work, by a name that tells it from all others of a run.

    Attributes:
        name: stable from run to run.
        label: what it is, in words.
        arguments: what the function is given after what all tasks share.

    >>> ParallelTask("a3f0", "quality of lite0/none, samples 0 to 99", (0, 100)).arguments
    (0, 100)
    """

    name: str
    label: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Work:
    """What tasks do: `function(common, *task.arguments)`.

    Attributes:
        function: of a module, so that workers find it.
        common: what all tasks share; it travels once to each worker.

    >>> Work(pow, 2).function(2, 3)
    8
    """

    function: Callable[..., Any]
    common: Any


@dataclass(frozen=True)
class TaskResult:
    """What became of a task.

    Attributes:
        value: what the function returned.
        error: what it raised; None where it returned.
        traceback: of the error, as text.
        died: whether the process that worked on it ended, more often than the engine tries again.

    >>> TaskResult(8).error is None
    True
    """

    value: Any = None
    error: BaseException | None = None
    traceback: str = ""
    died: bool = False


#: tasks with what became of them, as they are done; closing it ends the rest
Results = Generator[tuple[ParallelTask, TaskResult], None, None]
