"""What every engine does: run tasks in any order, and try again where a worker dies."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from compsel.parallel.task import ParallelTask, Results, TaskResult, Work

__all__ = ["MOST_DEATHS", "TaskEngine", "death"]

#: a task whose worker has died so often is given up
MOST_DEATHS = 3


class TaskEngine(ABC):
    """Runs tasks.

    >>> class Backwards(TaskEngine):
    ...     def run(self, work, tasks):
    ...         for task in reversed(tasks):
    ...             yield task, TaskResult(work.function(work.common, *task.arguments))
    >>> tasks = [ParallelTask("a", "2 to 3", (3,)), ParallelTask("b", "2 to 4", (4,))]
    >>> [result.value for _, result in Backwards().run(Work(pow, 2), tasks)]
    [16, 8]
    """

    @abstractmethod
    def run(self, work: Work, tasks: Sequence[ParallelTask]) -> Results:
        """Run tasks, and give each with what became of it, as soon as it is done; whoever stops early ends the rest.

        Raises:
            BackendError: nobody answers where they should run.
        """


def death(reason: str = "") -> TaskResult:
    """Return the result of a task whose workers die."""
    words = f"the process that worked on it ended {MOST_DEATHS} times{reason and f' ({reason})'}"
    return TaskResult(error=RuntimeError(words), traceback=words, died=True)
