"""Tasks by joblib: its processes on this machine, or whatever `joblib.parallel_config` has set up."""

import re
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor
from typing import Any

from compsel.errors import UsageError
from compsel.parallel.engines.base import MOST_DEATHS, TaskEngine, death
from compsel.parallel.engines.this_process import ThisProcess
from compsel.parallel.parcel import Parcel, run_parcel
from compsel.parallel.task import ParallelTask, Results, TaskResult, Work

__all__ = ["START_S", "JoblibProcesses", "end_processes", "usable_processes"]

#: what starting processes takes, with the modules that they import (benchmarks/backends.py): less work stays here
START_S = 3.0


class JoblibProcesses(TaskEngine):
    """Runs tasks in processes that joblib starts (loky): they stay until `end_processes`.

    Where one dies, loky ends them all. The tasks that were under way are then tried one at a time, so that it shows
    which of them does it, and the others go on in new processes.

    Args:
        n_jobs: how many processes; None: as many as usable cores, once the work has shown that it is worth them.
        configured: whether joblib's own settings say where tasks run.

    >>> [result.value for _, result in JoblibProcesses().run(Work(pow, 2), [ParallelTask("a", "2 to 3", (3,))])]
    [8]
    """

    def __init__(self, n_jobs: int | None = None, *, configured: bool = False) -> None:
        self._n_jobs = n_jobs
        self._configured = configured

    def run(self, work: Work, tasks: Sequence[ParallelTask]) -> Results:
        """Run tasks."""
        left = list(tasks)
        if not self._configured and (self._n_jobs or usable_processes()) < 2:
            yield from ThisProcess().run(work, left)
            return
        if self._n_jobs is None and not self._configured:
            yield from self._small(work, left)
        if not left:
            return
        try:
            parcel = Parcel.of(work)
        except UsageError:
            if self._n_jobs is not None:
                raise
            yield from ThisProcess().run(work, left)  # nobody has asked for other processes
            return
        try:
            yield from self._large(parcel, left)
        except BaseException:  # an interrupt, or whoever asked wants no more
            end_processes(kill=True)
            raise

    def _small(self, work: Work, left: list[ParallelTask]) -> Results:
        """Run tasks here until it shows that the others take longer than processes need to start."""
        begin_s, done = time.perf_counter(), 0
        while left:
            yield from ThisProcess().run(work, [left.pop(0)])
            done += 1
            left_s = (time.perf_counter() - begin_s) / done * len(left)
            if left_s * (1 - 1 / usable_processes()) > START_S:
                return

    def _large(self, parcel: Parcel, left: list[ParallelTask]) -> Results:
        deaths: Counter[str] = Counter()
        while left:
            alone = next((task for task in left if deaths[task.name]), None)
            batch = [alone] if alone is not None else left
            started: list[ParallelTask] = []
            done: set[str] = set()
            try:
                for task, result in self._parallel(parcel, batch, started):
                    done.add(task.name)
                    yield task, result
            except BrokenExecutor as error:
                end_processes(kill=True)
                suspects = [task for task in started if task.name not in done]
                for task in suspects:
                    deaths[task.name] += 1
                if alone is not None and deaths[alone.name] >= MOST_DEATHS:
                    done.add(alone.name)
                    codes = re.search(r"\{(.*?)\}", str(error))
                    yield alone, death(codes[1] if codes else "")
            left[:] = [task for task in left if task.name not in done]

    def _parallel(self, parcel: Parcel, tasks: Sequence[ParallelTask], started: list[ParallelTask]) -> Results:
        """Run tasks in processes; `started` gets those that were handed out."""
        from joblib import Parallel, delayed, parallel_config

        def calls() -> Iterator[Any]:
            for task in tasks:
                started.append(task)
                yield delayed(_named)(task.name, parcel.digest, parcel.head, parcel.content, task.arguments)

        by_name = {task.name: task for task in tasks}
        if self._configured:
            found: Any = Parallel(n_jobs=self._n_jobs, batch_size=1)(calls())
        else:
            n_jobs = self._n_jobs or usable_processes()
            with parallel_config(backend="loky", inner_max_num_threads=1):
                running = Parallel(n_jobs, batch_size=1, pre_dispatch=n_jobs, return_as="generator_unordered")
                found = running(calls())
        try:
            for name, result in found:
                yield by_name[name], result
        finally:
            if not self._configured:
                with warnings.catch_warnings():  # of tasks that nobody waits for any more
                    warnings.simplefilter("ignore", UserWarning)
                    found.close()


def usable_processes() -> int:
    """Return how many processes can run at once here: affinity and the limits of containers respected."""
    from joblib import cpu_count

    return int(cpu_count())


def end_processes(*, kill: bool = False) -> None:
    """End the processes that joblib has started: before measuring, which is done alone."""
    import sys

    if "joblib.externals.loky.reusable_executor" not in sys.modules:
        return
    from joblib.externals.loky import reusable_executor

    if (executor := reusable_executor._executor) is not None:
        executor.shutdown(wait=True, kill_workers=kill)


def _named(name: str, digest: str, head: bytes, content: Any, arguments: tuple[Any, ...]) -> tuple[str, TaskResult]:
    return name, run_parcel(digest, head, content, arguments)
