"""The CPU as a processor that misbehaves when it is told to: the real session runs behind it."""

import os
import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np

import compsel
from compsel.errors import ProcessorError
from compsel.processors import CpuProcessor, Session

__all__ = ["NAMES", "FaultyProcessor", "register"]

# the second answers where the first fails
NAMES = ("soak-first", "soak-second")


class FaultyProcessor(compsel.Processor):
    """One thread of the CPU, with faults.

    Attributes:
        run_fault: what runs do now: "", "raise", "dead", "nan", "shape", "classes", "count", "hang".
        open_fault: what opening does now: "", "raise", "hang".
    """

    provider = "CPUExecutionProvider"

    def __init__(self, name: str) -> None:
        self.name = name
        self.run_fault = self.open_fault = ""
        self.healed = threading.Event()
        self.healed.set()

    def begin(self, run_fault: str = "", open_fault: str = "") -> None:
        """Misbehave from now on."""
        self.healed.clear()
        self.run_fault, self.open_fault = run_fault, open_fault

    def end(self) -> None:
        """Behave again; what hangs ends."""
        self.run_fault = self.open_fault = ""
        self.healed.set()

    def open(self, variant: bytes | str | os.PathLike[str]) -> "FaultySession":
        """Open a session on one thread."""
        if self.open_fault == "hang":
            self.healed.wait()
        if self.open_fault == "raise":
            raise ProcessorError(f"{self.name}: injected: the device is gone")
        return FaultySession(CpuProcessor(1).open(variant), self)


class FaultySession:
    """A session whose answers are those of the real one, but for the fault of its processor."""

    def __init__(self, session: Session, processor: FaultyProcessor) -> None:
        self._session, self._processor = session, processor
        self.inputs, self.outputs = session.inputs, session.outputs
        self._dead = False

    def run(self, feeds: Mapping[str, np.ndarray], outputs: Sequence[str] | None = None) -> list[np.ndarray]:
        """Run one inference, or do what the fault says."""
        fault = self._processor.run_fault
        if fault == "hang":
            self._processor.healed.wait()
            raise ProcessorError("injected: hung, and came back")
        if fault == "dead":  # this session never answers again; one that is opened after the fault does
            self._dead = True
        if self._dead or fault == "raise":
            raise RuntimeError("injected: device lost")
        found = self._session.run(feeds, outputs)
        return _spoiled(found, fault) if fault else found

    def stop(self, thread: int) -> None:
        """Tell a run to end: what hangs here cannot be told."""
        getattr(self._session, "stop", time.sleep)(thread if hasattr(self._session, "stop") else 0)

    def close(self) -> None:
        """Close the real session."""
        self._session.close()


def _spoiled(found: list[np.ndarray], fault: str) -> list[np.ndarray]:
    if fault == "nan":
        return [np.full_like(found[0], np.nan), *found[1:]]
    if fault == "shape":
        return [found[0][0], *found[1:]]
    if fault == "classes":
        return [found[0][:, :-1], *found[1:]]
    return found[:-1] if len(found) > 1 else []


def register() -> dict[str, FaultyProcessor]:
    """Make the processors known to compsel, and return them by name."""
    made = {name: FaultyProcessor(name) for name in NAMES}
    for processor in made.values():
        compsel.register_processor(processor)
    return made
