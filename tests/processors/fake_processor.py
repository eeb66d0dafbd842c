"""A fake processor that plays a script: for tests of the layers above processors, without models."""

import itertools
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from compsel.errors import InputError, ModelError, ProcessorError
from compsel.inputs.tensor_specs import TensorSpec, check_feeds
from compsel.processors.base import Availability, Processor

__all__ = ["FakeProcessor", "Script"]

Outcome = Sequence[np.ndarray] | Exception
Rule = Callable[[Mapping[str, np.ndarray]], Outcome]


@dataclass(frozen=True)
class Script:
    """What one variant does.

    Attributes:
        inputs: what must be fed.
        outputs: what comes out.
        answers: the outputs of the first run, the second, ... and from the beginning again; an exception among them is
            raised; a function of the feeds returns either.
        latencies_ms: how long each run takes, likewise.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    answers: tuple[Outcome | Rule, ...]
    latencies_ms: tuple[float, ...] = (0.0,)


class FakeProcessor(Processor):
    """A processor whose variants play scripts.

    Args:
        scripts: by variant: the path, or the bytes, that `open` is given.
        name: the name of the processor.
        reason: why it is not available; None where it is.

    >>> x, y = TensorSpec("x", "float32", (1,)), TensorSpec("y", "float32", (1,))
    >>> double = Script((x,), (y,), (lambda feeds: [2 * feeds["x"]],))
    >>> session = FakeProcessor({"double.onnx": double}).open("double.onnx")
    >>> session.run({"x": np.array([21], np.float32)})
    [array([42.], dtype=float32)]
    """

    provider = "FakeExecutionProvider"

    def __init__(
        self, scripts: Mapping[bytes | str, Script], name: str = "scripted", reason: str | None = None
    ) -> None:
        self.scripts = dict(scripts)
        self.name = name
        self.reason = reason

    def availability(self) -> Availability:
        """Say what the script says."""
        return Availability(self.reason is None, self.reason or "scripted")

    def open(self, variant: bytes | str | os.PathLike[str]) -> "FakeSession":
        """Return a session that plays the script of `variant`.

        Raises:
            ModelError: there is no script for it.
            ProcessorError: the processor is scripted not to be available.
        """
        if self.reason is not None:
            raise ProcessorError(f"{self.name}: {self.reason}")
        key = variant if isinstance(variant, bytes) else os.fspath(variant)
        if key not in self.scripts:
            raise ModelError(f"{'model' if isinstance(key, bytes) else key}: has no script")
        return FakeSession(self.scripts[key])


class FakeSession:
    """Plays a script; safe to run from several threads, as ONNX Runtime's sessions are.

    Attributes:
        inputs: what must be fed.
        outputs: what comes out.
        runs: how often it ran.

    >>> FakeSession(Script((), (), ([],))).run({})
    []
    """

    def __init__(self, script: Script) -> None:
        self.inputs = script.inputs
        self.outputs = script.outputs
        self.runs = 0
        self._steps = itertools.cycle(_pairs(script))
        self._lock = threading.Lock()
        self._closed = False

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        """Play one step.

        Raises:
            InputError: a feed that does not fit, or an output that there is not.
            ProcessorError: the session was closed.
        """
        if self._closed:
            raise ProcessorError("model: the session was closed: open it again")
        check_feeds(self.inputs, feeds)
        names = [spec.name for spec in self.outputs]
        if unknown := set(outputs or ()) - set(names):
            raise InputError(f"got outputs {sorted(unknown)}, allowed are {names}")
        with self._lock:
            self.runs += 1
            answer, latency_ms = next(self._steps)
        started = time.perf_counter()
        outcome = answer(feeds) if callable(answer) else answer
        # the rule's own time is part of the latency
        time.sleep(max(0.0, latency_ms / 1000 - (time.perf_counter() - started)))
        if isinstance(outcome, Exception):
            raise outcome
        results = dict(zip(names, outcome, strict=True))
        return [results[name] for name in outputs or names]

    def close(self) -> None:
        """Refuse to run from now on."""
        self._closed = True


def _pairs(script: Script) -> list[tuple[Outcome | Rule, float]]:
    length = len(script.answers) * len(script.latencies_ms)
    answers, latencies = itertools.cycle(script.answers), itertools.cycle(script.latencies_ms)
    return list(itertools.islice(zip(answers, latencies, strict=False), length))
