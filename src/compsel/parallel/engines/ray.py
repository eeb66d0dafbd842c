"""Tasks on a Ray cluster.

They are Ray's own tasks, not its joblib backend: that gives its results only when all are done, and an actor of its
pool that dies ends the whole call.
"""

import contextlib
import os
import socket
import time
from collections.abc import Sequence
from typing import Any

from compsel.errors import BackendError, require
from compsel.parallel.engines.base import MOST_DEATHS, TaskEngine, death
from compsel.parallel.engines.greeting import greeting
from compsel.parallel.parcel import Parcel, run_parcel
from compsel.parallel.task import ParallelTask, Results, TaskResult, Work

__all__ = ["RayCluster"]

_CONNECT_S = 5.0
_POLL_S = 1.0
_LOST_S = 3.0
_SETTINGS = b"\x04"  # kind of the frame with which a server of HTTP/2 begins, as Ray's does
_GOES_ON = "what was computed is kept, and the same command goes on from there"


class RayCluster(TaskEngine):
    """Runs tasks as Ray's; a task whose worker dies is run again, by Ray.

    Args:
        address: of the cluster, such as "10.0.0.5:6379"; "local" starts one on this machine; None: the one that this
            process is connected to already.

    >>> RayCluster("10.0.0.5:6379").address
    '10.0.0.5:6379'
    """

    def __init__(self, address: str | None) -> None:
        self.address = address

    def run(self, work: Work, tasks: Sequence[ParallelTask]) -> Results:
        """Run tasks."""
        ray = require("ray", "ray")
        self._connect(ray)
        parcel = Parcel.of(work)
        try:
            content = ray.put(parcel.content)
            run = ray.remote(max_retries=MOST_DEATHS - 1, num_cpus=1)(run_parcel)
            pending = {run.remote(parcel.digest, parcel.head, content, task.arguments): task for task in tasks}
        except ray.exceptions.RayError as error:
            raise self._lost(type(error).__name__) from error
        try:
            yield from self._collected(ray, pending)
        except BackendError:  # nothing is left there that could be cancelled
            with contextlib.suppress(Exception):
                ray.shutdown()
            raise
        except BaseException:
            for reference in pending:
                ray.cancel(reference, force=True)
            raise

    def _collected(self, ray: Any, pending: dict[Any, ParallelTask]) -> Results:
        head = ray.get_runtime_context().gcs_address
        seen_s = time.monotonic()
        while pending:
            done, _ = ray.wait(list(pending), num_returns=1, timeout=_POLL_S)
            # Ray ends this process where its head is gone for a minute
            if _answers(head):
                seen_s = time.monotonic()
            elif time.monotonic() - seen_s > _LOST_S:
                raise self._lost("no connection")
            for reference in done:
                yield pending.pop(reference), self._result(ray, reference)

    def _result(self, ray: Any, reference: Any) -> TaskResult:
        try:
            result: TaskResult = ray.get(reference)
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
            return death(type(error).__name__)
        except ray.exceptions.RayTaskError as error:  # what kept the task from being run at all
            return TaskResult(error=error.as_instanceof_cause(), traceback=str(error))
        except ray.exceptions.RayError as error:
            raise self._lost(type(error).__name__) from error
        return result

    def _lost(self, why: str) -> BackendError:
        return BackendError(
            f"Ray {self.address or 'cluster'}: does not answer any more ({why}): start it again, or "
            f"choose another one with --address; {_GOES_ON}"
        )

    def _connect(self, ray: Any) -> None:
        if ray.is_initialized():
            return
        address = self.address or "auto"
        host, _, port = address.removeprefix("ray://").rpartition(":")
        try:
            if host and port.isdigit():  # Ray itself waits for a minute and more
                self._check_is_head(greeting(host, int(port), _CONNECT_S))
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", include_dashboard=None)
        except (OSError, ValueError, RuntimeError) as error:
            raise BackendError(
                f"Ray {address}: nobody answers there ({error}): start one with `ray start --head --port 6379`, or "
                f"check the address; {_GOES_ON}"
            ) from error

    def _check_is_head(self, said: bytes) -> None:
        """Raise BackendError where something else answers: Ray would wait for it for minutes."""
        address = self.address or ""
        if address.startswith("ray://") or os.environ.get("RAY_USE_TLS", "0") != "0":
            return  # what lies between may wait to be asked
        if said[3:4] != _SETTINGS:
            raise BackendError(
                f"Ray {address}: what answers there is no head of Ray: give the address that `ray start --head` prints "
                "(port 6379; 8265 is its dashboard)"
            )


def _answers(address: str) -> bool:
    """Whether somebody listens at an address "host:port"."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _POLL_S).close()
    except (OSError, ValueError):
        return False
    return True
