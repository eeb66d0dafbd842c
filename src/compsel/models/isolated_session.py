"""A session in the worker process: a graph that ends its process is a reason, not the end of the command."""

import itertools
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from compsel.errors import CrashError
from compsel.isolation.freed_memory import return_freed_memory
from compsel.isolation.process import WorkerProcess
from compsel.models.plain_session import plain_session

__all__ = ["IsolatedSession", "close_here", "open_here", "run_here"]

_HERE = "compsel.models.isolated_session"


@dataclass(frozen=True, slots=True)
class SessionArgument:
    """An input or an output of a session, as ONNX Runtime describes it.

    >>> SessionArgument("x", "tensor(float)", ["n", 3]).name
    'x'
    """

    name: str
    type: str
    shape: list[Any]


class IsolatedSession:
    """What an `onnxruntime.InferenceSession` is, in another process.

    Args:
        process: where.
        model, threads, optimise, large: what `compsel.models.plain_session.plain_session` takes.

    Raises:
        ModelError: it does not load.
        CrashError: it ended the process.

    >>> from compsel.networks import build
    >>> model = build("mobilenet-v1", width=0.25, resolution=32).serialize()
    >>> session = IsolatedSession(WorkerProcess(), model)
    >>> [found.shape for found in session.run(None, {"input": np.zeros((1, 3, 32, 32), np.float32)})]
    [(1, 1000)]
    """

    def __init__(
        self, process: WorkerProcess, model: bytes | str, threads: int = 1, optimise: bool = True, large: bool = False
    ) -> None:
        self._process = process
        self._key, *arguments = process.call(
            f"{_HERE}:open_here", model, threads, optimise, large, doing="loaded the graph"
        )
        self._inputs, self._outputs = ([SessionArgument(*one) for one in side] for side in arguments)
        weakref.finalize(self, process.call_late, f"{_HERE}:close_here", self._key).atexit = False

    def get_inputs(self) -> list[SessionArgument]:
        """Return what must be fed."""
        return self._inputs

    def get_outputs(self) -> list[SessionArgument]:
        """Return what comes out."""
        return self._outputs

    def run(self, outputs: Sequence[str] | None, feeds: Mapping[str, np.ndarray]) -> list[Any]:
        """Run one inference; raises what ONNX Runtime raises.

        Raises:
            CrashError: it ended the process, or that has ended before.
        """
        if not self._process.alive:
            raise CrashError("the process of this session has ended: open it again")
        names = None if outputs is None else list(outputs)
        result: list[Any] = self._process.call(
            f"{_HERE}:run_here", self._key, names, dict(feeds), doing="ran the graph"
        )
        return result


# the worker's side
_sessions: dict[int, Any] = {}
_keys = itertools.count()


def open_here(model: bytes | str, threads: int, optimise: bool, large: bool) -> list[Any]:
    """Open a session in this process; return its number, inputs and outputs."""
    if large:
        return_freed_memory()
    session = plain_session(model, threads, optimise, large)
    key = next(_keys)
    _sessions[key] = session
    sides = (session.get_inputs(), session.get_outputs())
    return [key, *([[one.name, one.type, list(one.shape)] for one in side] for side in sides)]


def run_here(key: int, outputs: list[str] | None, feeds: dict[str, np.ndarray]) -> list[Any]:
    """Run a session of this process."""
    result: list[Any] = _sessions[key].run(outputs, feeds)
    return result


def close_here(key: int) -> None:
    """Close a session of this process."""
    _sessions.pop(key, None)
    return_freed_memory()
