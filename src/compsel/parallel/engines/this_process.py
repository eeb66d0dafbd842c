"""Tasks in this process, one after the other: for little work, and for one process."""

from collections.abc import Sequence

from compsel.parallel.engines.base import TaskEngine
from compsel.parallel.parcel import run_here
from compsel.parallel.task import ParallelTask, Results, Work
from compsel.parallel.threads import one_thread

__all__ = ["ThisProcess"]


class ThisProcess(TaskEngine):
    """Runs tasks one after the other.

    >>> [result.value for _, result in ThisProcess().run(Work(pow, 2), [ParallelTask("a", "2 to 3", (3,))])]
    [8]
    """

    def run(self, work: Work, tasks: Sequence[ParallelTask]) -> Results:
        """Run tasks in their order."""
        for task in tasks:
            with one_thread():
                result = run_here(work, task.arguments)
            yield task, result
