"""The session that a bundle says it opens first: opened in a thread while the rest of the runtime is imported.

What goes wrong here is not told: the engine pool opens the same file again, and tells it.
"""

import threading
from typing import Any

from compsel.bundle.verified_files import VerifiedFiles
from compsel.processors import CpuProcessor, parse
from compsel.processors.base import Session
from compsel.runtime.faults.watched_calls import HangError, WatchedCalls
from compsel.storage.strict_json import parse_json

__all__ = ["EarlyOpening"]

# for all: a process that ends waits for what is inside ONNX Runtime
_CALLS = WatchedCalls()


class EarlyOpening:
    """Opens one session in the background.

    Args:
        files: of the bundle.

    Attributes:
        key: graph and processor of the session; None: there is none.
        content: of `bundle.json`, so that it is parsed once; None: it cannot be.

    >>> from pathlib import Path
    >>> EarlyOpening(VerifiedFiles(Path("nowhere"), {})).take("a.onnx", "cpu:1") is None
    True
    """

    def __init__(self, files: VerifiedFiles) -> None:
        self._files = files
        self._session: Session | None = None
        self._done, self._lock = threading.Event(), threading.Lock()
        self.key: tuple[str, str] | None = None
        self.content: Any = None
        try:
            self.content = parse_json(files.read("bundle.json"))
            said = self.content["opens_first"]
            processor, graph, weights = parse(said["processor"]), f"variants/{said['graph']}", said["weights"]
            if not isinstance(processor, CpuProcessor) or graph not in files:
                return
            if weights is not None and f"variants/{weights}" not in files:
                return
        except Exception:
            return
        self.key = said["graph"], said["processor"]
        self._begin(processor, graph, None if weights is None else f"variants/{weights}")

    def take(self, graph: str, processor: str) -> Session | None:
        """Return the session of a graph (relative to the folder of variants) on a processor, once; None: open it."""
        if self.key != (graph, processor):
            return None
        self._done.wait()
        with self._lock:
            session, self._session = self._session, None
        return session

    def drop(self) -> None:
        """Forget a session that nobody took: the device is not in the state that it was expected to be in."""
        self.key = None
        with self._lock:
            self._session = None

    def _begin(self, processor: CpuProcessor, graph: str, weights: str | None) -> None:
        def opening() -> None:
            try:
                session: Any = processor.open(self._files.graph(graph, weights))
                with self._lock:
                    if self.key is not None:
                        self._session = session
            finally:
                self._done.set()

        try:
            started = _CALLS.start(opening, f"opening {graph}")
        except HangError:
            started = False
        if not started:
            self.key = None
