"""Tasks on a Dask scheduler.

They are submitted as tasks of Dask's own, not through its joblib backend: that tries nothing again but what died with a
worker, and waits for ever for a scheduler that is gone (`_collect` of joblib's `_dask.py`).
"""

import contextlib
import logging
import queue
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from compsel.errors import BackendError, require
from compsel.parallel.engines.base import TaskEngine, death
from compsel.parallel.engines.greeting import greeting
from compsel.parallel.parcel import Parcel, run_parcel
from compsel.parallel.task import ParallelTask, Results, TaskResult, Work

__all__ = ["DaskCluster"]

_CONNECT_S = 5.0
_POLL_S = 1.0
_LOST_S = 5.0
# of a cloud some take a minute to start
_NO_WORKERS_S = 120.0
_LONGEST_GREETING = 1 << 20
_WHICH = "give the address that `dask scheduler` prints (port 8786; 8787 is its dashboard)"
_GOES_ON = "what was computed is kept, and the same command goes on from there"


class DaskCluster(TaskEngine):
    """Runs tasks on the workers of a scheduler; a task whose worker dies is run again on another one, by Dask.

    Args:
        scheduler: its address, such as "tcp://10.0.0.5:8786".
        client: one that is connected already, in place of an address.

    >>> DaskCluster("nowhere:1").scheduler
    'nowhere:1'
    """

    def __init__(self, scheduler: str, client: Any = None) -> None:
        self.scheduler = scheduler
        self._client = client

    def run(self, work: Work, tasks: Sequence[ParallelTask]) -> Results:
        """Run tasks."""
        parcel = Parcel.of(work)
        with self._connected() as client:
            accused = []
            for task, result in self._batch(client, parcel, tasks):
                if result.died:
                    accused.append(task)
                else:
                    yield task, result
            # Dask also blames what waited on a worker that died: alone, it shows which task it was
            for task in accused:
                yield from self._batch(client, parcel, [task])

    def _batch(self, client: Any, parcel: Parcel, tasks: Sequence[ParallelTask]) -> Results:
        run = uuid.uuid4().hex
        # a task, and no scattered data: that is lost with the worker that holds it
        content = client.submit(_same, parcel.content, key=f"compsel-work-{run}", pure=False)
        given = (parcel.digest, parcel.head, content)
        pending = {
            client.submit(run_parcel, *given, task.arguments, key=f"compsel-{task.name}-{run}", pure=False): task
            for task in tasks
        }
        try:
            yield from self._collected(client, pending)
        finally:
            with contextlib.suppress(Exception):  # a scheduler that is gone
                if client.status == "running":
                    client.cancel([*pending, content], force=True)

    def _collected(self, client: Any, pending: dict[Any, ParallelTask]) -> Results:
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for future in pending:
            future.add_done_callback(done.put)
        seen_s = working_s = time.monotonic()
        while pending:
            try:
                future = done.get(timeout=_POLL_S)
            except queue.Empty:
                if client.status == "running":
                    seen_s = time.monotonic()
                elif time.monotonic() - seen_s > _LOST_S or client.status == "closed":
                    raise self._lost() from None
                if self._has_workers(client):
                    working_s = time.monotonic()
                elif time.monotonic() - working_s > _NO_WORKERS_S:
                    raise BackendError(
                        f"Dask scheduler {self.scheduler}: has had no workers for {_NO_WORKERS_S:g} s: start some with "
                        f"`dask worker {self.scheduler}`; {_GOES_ON}"
                    ) from None
                continue
            result = self._result(client, future)
            if result is None:  # it was on a worker that has died since, and is computed again
                future.add_done_callback(done.put)
            else:
                yield pending.pop(future), result

    def _result(self, client: Any, future: Any) -> TaskResult | None:
        from distributed.scheduler import KilledWorker

        if future.cancelled():
            raise self._lost()
        try:
            result: TaskResult = future.result(timeout=_CONNECT_S)
        except KilledWorker:
            return death()
        except (OSError, TimeoutError) as error:
            if client.status == "running":
                return None
            raise self._lost() from error
        except Exception as error:  # what kept the task from being run at all
            return TaskResult(error=error, traceback=f"{type(error).__name__}: {error}")
        return result

    @staticmethod
    def _has_workers(client: Any) -> bool:
        try:
            return bool(client.ncores())
        except (OSError, ValueError, TimeoutError):  # the scheduler is going away, which shows by itself
            return True

    def _lost(self) -> BackendError:
        return BackendError(
            f"Dask scheduler {self.scheduler}: does not answer any more: start it again, or choose another one with "
            f"--scheduler; {_GOES_ON}"
        )

    def _check_is_scheduler(self) -> None:
        """Raise BackendError where something else answers: Dask's client would wait for it for ever."""
        scheme, _, place = self.scheduler.rpartition("://")
        host, _, port = place.rpartition(":")
        if scheme in ("http", "https"):
            raise BackendError(f"Dask scheduler {self.scheduler}: got {scheme}://, allowed is tcp://: {_WHICH}")
        if scheme not in ("", "tcp") or not port.isdigit():
            return
        try:
            said = greeting(host, int(port), _CONNECT_S)
        except OSError:  # what connects says it, and may find it a moment later
            return
        # the length of its first message
        if len(said) < 8 or not 0 < int.from_bytes(said[:8], "little") < _LONGEST_GREETING:
            raise BackendError(f"Dask scheduler {self.scheduler}: what answers there is no scheduler: {_WHICH}")

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        if self._client is not None:
            yield self._client
            return
        distributed = require("distributed", "dask")
        self._check_is_scheduler()
        # what it logs when a scheduler is gone is said by an error here
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        try:
            client = distributed.Client(self.scheduler, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise BackendError(
                f"Dask scheduler {self.scheduler}: nobody answers there within {_CONNECT_S:g} s ({error}): start one "
                f"with `dask scheduler`, and workers with `dask worker`, or check the address; {_GOES_ON}"
            ) from error
        try:
            yield client
        finally:
            with contextlib.suppress(Exception):
                client.close(timeout=2)


def _same(content: Any) -> Any:
    return content
