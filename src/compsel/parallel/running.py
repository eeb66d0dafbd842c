"""Run tasks where a backend says: what fails is tried again, and what fails again and again stops nothing else."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from compsel.errors import CompselError, ShardError, StorageError
from compsel.parallel.backend import Backend
from compsel.parallel.engines.base import TaskEngine
from compsel.parallel.task import ParallelTask, Results, TaskResult, Work
from compsel.progress import SILENT, Reporter

__all__ = ["MOST_ATTEMPTS", "run_tasks"]

#: a task that has failed so often is reported
MOST_ATTEMPTS = 3
_MOST_NAMED = 5


def run_tasks(
    work: Work,
    tasks: Sequence[ParallelTask],
    backend: Backend,
    reporter: Reporter = SILENT,
    label: str = "tasks",
    *,
    details: bool = False,
    done: Callable[[ParallelTask, Any], Any] | None = None,
) -> list[Any]:
    """Run tasks, and return what the function returned for each, in their order.

    Args:
        work: what they do.
        tasks: with different names.
        backend: where they run.
        reporter: hears how far it is, and of each task that is given up, with its traceback.
        label: of all of them.
        details: whether each that is done is told to who looks closely.
        done: is given each task with what the function returned, here and as soon as it is there, such as to store it;
            what it returns takes the place of that.

    Raises:
        CompselError: what a task raises on purpose: it would do so again.
        ShardError: tasks failed three times each, or ended the process that worked on them; all others were done.
        StorageError: what was written could not be, three times.
        BackendError: nobody answers where they should run.

    >>> tasks = [ParallelTask("a", "2 to 3", (3,)), ParallelTask("b", "2 to 4", (4,))]
    >>> run_tasks(Work(pow, 2), tasks, Backend.local(1))
    [8, 16]
    """
    values: dict[str, Any] = {}
    failed: dict[str, tuple[ParallelTask, TaskResult]] = {}
    engine = backend.engine() if tasks else None
    with closing(_finished(engine, work, tasks, reporter)) as finished:
        for task, result in reporter.track(finished, label, len(tasks)):
            if result.error is None:
                values[task.name] = result.value if done is None else done(task, result.value)
                if details:
                    reporter.detail(task.label)
            else:
                failed[task.name] = (task, result)
                if not isinstance(result.error, StorageError):
                    words = f"{task.label}: failed {MOST_ATTEMPTS} times, the rest goes on:"
                    reporter.say(f"{words}\n{result.traceback.rstrip()}")
    if failed:
        first = next(result.error for _, result in failed.values())
        if all(isinstance(result.error, StorageError) for _, result in failed.values()):
            assert first is not None
            raise first  # it says what to do
        raise _error([failed[task.name] for task in tasks if task.name in failed], len(tasks))
    return [values[task.name] for task in tasks]


def _finished(engine: TaskEngine | None, work: Work, tasks: Sequence[ParallelTask], reporter: Reporter) -> Results:
    """Give tasks that ended well, or failed for the last time; what fails waits until all others were tried."""
    if engine is None:
        return
    waiting = list(tasks)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        again: list[ParallelTask] = []
        with closing(engine.run(work, waiting)) as running:
            for task, result in running:
                error = result.error
                if isinstance(error, CompselError) and not isinstance(error, StorageError):
                    raise error
                if error is None or result.died or attempt == MOST_ATTEMPTS:
                    yield task, result
                else:
                    reporter.detail(f"{task.label}: {type(error).__name__}: {error}: tried again")
                    again.append(task)
        waiting = again
        if not waiting:
            return


def _error(failed: Sequence[tuple[ParallelTask, TaskResult]], count: int) -> ShardError:
    lines = [f"{task.label} ({type(result.error).__name__}: {result.error})" for task, result in failed]
    more = f"; and {len(lines) - _MOST_NAMED} more" if len(lines) > _MOST_NAMED else ""
    return ShardError(
        f"{len(failed)} of {count} parts failed {MOST_ATTEMPTS} times: {'; '.join(lines[:_MOST_NAMED])}{more}: the "
        "others are done and kept; mend the cause, and give the same command again: it computes only what is missing",
        {task.label: result.traceback for task, result in failed},
    )
