"""Where work runs, as a user says it."""

import sys
from dataclasses import dataclass
from typing import Any, Literal

from compsel.errors import UsageError
from compsel.parallel.engines.base import TaskEngine
from compsel.parallel.engines.joblib_processes import START_S, JoblibProcesses, usable_processes

__all__ = ["Backend", "backend_of"]

Kind = Literal["default", "local", "dask", "ray"]
_KINDS = ("local", "dask", "ray")


@dataclass(frozen=True)
class Backend:
    """Where work runs: processes of this machine, a Dask scheduler, or a Ray cluster.

    Without arguments: what `joblib.parallel_config` has set up, else as many processes of this machine as usable cores,
    once the work has shown that it is worth starting them. Whatever it is, the results are the same.

    Attributes:
        kind: "default", "local", "dask" or "ray".
        n_jobs: how many processes of this machine; None: as many as usable cores, where that pays.
        address: of the scheduler or the cluster.

    Raises:
        UsageError: a number of processes below 1, or no address where one is needed.

    >>> Backend.local(2), Backend.dask("tcp://10.0.0.5:8786").address
    (Backend(kind='local', n_jobs=2, address=None), 'tcp://10.0.0.5:8786')
    """

    kind: Kind = "default"
    n_jobs: int | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if self.n_jobs is not None and self.n_jobs < 1:
            raise UsageError(f"jobs: got {self.n_jobs}, allowed is 1 or more")
        if self.kind == "dask" and not self.address:
            raise UsageError("backend dask: got no address: give --scheduler ADDRESS (in Python Backend.dask(address))")

    @classmethod
    def local(cls, n_jobs: int | None = None) -> "Backend":
        """Return processes of this machine; 1: this process, one task after the other."""
        return cls("local", n_jobs)

    @classmethod
    def dask(cls, scheduler: str) -> "Backend":
        """Return the workers of a Dask scheduler, by its address."""
        return cls("dask", None, scheduler)

    @classmethod
    def ray(cls, address: str | None = None) -> "Backend":
        """Return the workers of a Ray cluster; None: the one that Ray finds by itself (`RAY_ADDRESS`)."""
        return cls("ray", None, address)

    @property
    def is_far(self) -> bool:
        """Whether workers may be on other machines, which need the same files under the same paths."""
        return self.kind in ("dask", "ray")

    @property
    def spreads(self) -> bool | None:
        """Whether work goes to other processes: always, never, or (None) where that pays."""
        if self.kind in ("dask", "ray") or (self.kind == "default" and self.n_jobs is None and _configured()):
            return True
        if self.n_jobs is None:
            return None if usable_processes() > 1 else False
        return self.n_jobs > 1

    def pays(self, seconds: float) -> bool:
        """Whether work of so many seconds is worth starting processes of this machine for it.

        >>> Backend.local().pays(0.5)
        False
        """
        return self.spreads is not False and seconds * (1 - 1 / (self.n_jobs or usable_processes())) > START_S

    def engine(self) -> TaskEngine:
        """Return what runs tasks there."""
        if self.kind == "dask":
            from compsel.parallel.engines.dask import DaskCluster

            assert self.address is not None
            return DaskCluster(self.address)
        if self.kind == "ray":
            from compsel.parallel.engines.ray import RayCluster

            return RayCluster(self.address)
        return (self.kind == "default" and self.n_jobs is None and _configured()) or JoblibProcesses(self.n_jobs)


def _configured() -> TaskEngine | None:
    """Return the engine that `joblib.parallel_config` names; None: nothing was set up."""
    if "joblib" not in sys.modules:
        return None
    from joblib.parallel import get_active_backend

    backend, n_jobs = get_active_backend()
    kind, count = type(backend).__name__, _count(backend, n_jobs)
    if kind == "DaskDistributedBackend":
        from compsel.parallel.engines.dask import DaskCluster

        return DaskCluster(backend.client.scheduler.address, backend.client)
    if kind == "RayBackend":
        from compsel.parallel.engines.ray import RayCluster

        return RayCluster(None)
    if kind == "LokyBackend":
        # without a setting joblib says 1
        return None if n_jobs in (None, 1) else JoblibProcesses(count)
    return JoblibProcesses(count, configured=True)


def _count(backend: Any, n_jobs: int | None) -> int:
    if n_jobs is None:
        return 1
    return n_jobs if n_jobs > 0 else max(1, usable_processes() + 1 + n_jobs)


def backend_of(
    backend: Backend | str | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    address: str | None = None,
) -> Backend:
    """Return where work runs, as options say it.

    Args:
        backend: "local", "dask" or "ray", or a `Backend`; None: told by the other options.
        jobs: how many processes of this machine.
        scheduler: address of a Dask scheduler.
        address: of a Ray cluster.

    Raises:
        UsageError: another word, or options that contradict each other.

    >>> backend_of("dask", scheduler="tcp://10.0.0.5:8786").kind, backend_of(jobs=2).n_jobs
    ('dask', 2)
    >>> backend_of("dask", jobs=2)
    Traceback (most recent call last):
    compsel.errors.UsageError: jobs: is for --backend local: got it with dask, whose workers are started with it
    """
    if isinstance(backend, Backend):
        if jobs is not None:
            raise UsageError("jobs: got it beside a Backend: say all of it there")
        return backend
    kind = backend or ("dask" if scheduler else "ray" if address else "local" if jobs is not None else "default")
    if kind not in (*_KINDS, "default"):
        raise UsageError(f"backend: got {backend!r}, allowed are {', '.join(_KINDS)}")
    for name, value, of in (("scheduler", scheduler, "dask"), ("address", address, "ray")):
        if value is not None and kind != of:
            raise UsageError(f"{name}: is for --backend {of}: got it with {kind}")
    if jobs is not None and kind != "local":
        raise UsageError(f"jobs: is for --backend local: got it with {kind}, whose workers are started with it")
    return Backend(kind, jobs, scheduler or address)  # type: ignore[arg-type]  # checked above
