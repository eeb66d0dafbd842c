"""Faults that come at random, each for a while: of processors, files, the device's state, the clock, memory."""

import contextlib
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np

from compsel.device.readers.linux import LinuxReader
from soak_parts.faulty_processors import FaultyProcessor

__all__ = ["Faults"]

Fault = Callable[[], contextlib.AbstractContextManager[None]]
_REAL_CLOCKS = {name: getattr(time, name) for name in ("perf_counter_ns", "perf_counter", "monotonic")}
_MB = 1_000_000


class Faults:
    """Every kind of fault, as a context in which it lasts.

    Args:
        folder: of the bundle that runs.
        processors: that can be told to misbehave.
        chance: decides what is hit.
    """

    def __init__(self, folder: Path, processors: dict[str, FaultyProcessor], chance: np.random.Generator) -> None:
        self._folder, self._processors, self._chance = folder, list(processors.values()), chance
        runs = ("raise", "dead", "nan", "shape", "classes", "count", "hang")
        self.kinds: dict[str, Fault] = {f"run: {kind}": self._running(kind) for kind in runs}
        self.kinds |= {f"open: {kind}": self._opening(kind) for kind in ("raise", "hang")}
        self.kinds |= {
            "both processors: raise": self._both,
            "file removed": self._file_removed,
            "file rewritten": self._file_rewritten,
            "file replaced": self._file_replaced,
            "device state: unreadable": lambda: _reader(_unreadable),
            "device state: hangs": lambda: _reader(_hanging),
            "clock: an hour ahead": lambda: _clock(3600.0),
            "clock: an hour back": lambda: _clock(-3600.0),
            "memory: no more": _no_memory,
        }

    def _running(self, kind: str) -> Fault:
        return lambda: self._on(self._processors[self._chance.integers(len(self._processors))], kind, "")

    def _opening(self, kind: str) -> Fault:
        # a session that raised is opened anew
        return lambda: self._on(self._processors[self._chance.integers(len(self._processors))], "raise", kind)

    @contextlib.contextmanager
    def _on(self, processor: FaultyProcessor, run: str, opening: str) -> Iterator[None]:
        processor.begin(run, opening)
        try:
            yield
        finally:
            processor.end()

    @contextlib.contextmanager
    def _both(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for processor in self._processors:
                stack.enter_context(self._on(processor, "raise", ""))
            yield

    @contextlib.contextmanager
    def _file(self) -> Iterator[Path]:
        """Put one of the bundle's files back as it was when the fault ends, and make sessions open it anew."""
        paths = sorted((self._folder / "variants").iterdir())
        path = paths[self._chance.integers(len(paths))]
        kept = path.with_name(path.name + ".kept")
        shutil.copy2(path, self._folder.parent / kept.name)
        with self._on(self._processors[0], "dead", ""):
            time.sleep(0.2)
        try:
            yield path
        finally:
            (self._folder.parent / kept.name).replace(path)

    @contextlib.contextmanager
    def _file_removed(self) -> Iterator[None]:
        with self._file() as path:
            path.unlink()
            yield

    @contextlib.contextmanager
    def _file_rewritten(self) -> Iterator[None]:
        with self._file() as path:
            with path.open("r+b") as stream:
                stream.seek(path.stat().st_size // 2)
                stream.write(b"\x55" * 4096)
            yield

    @contextlib.contextmanager
    def _file_replaced(self) -> Iterator[None]:
        with self._file() as path:
            path.with_suffix(".new").write_bytes(b"another model")
            path.with_suffix(".new").replace(path)
            yield


def _unreadable(self: LinuxReader) -> object:
    raise OSError("injected: /proc is gone")


def _hanging(self: LinuxReader) -> object:
    while LinuxReader.counters is _hanging:
        time.sleep(0.05)
    return self.counters()


@contextlib.contextmanager
def _reader(counters: Callable[[LinuxReader], object]) -> Iterator[None]:
    with patch.object(LinuxReader, "counters", counters):
        yield


@contextlib.contextmanager
def _clock(offset_s: float) -> Iterator[None]:
    """Make the clocks of this process jump, and jump back."""
    for name, real in _REAL_CLOCKS.items():
        scale = 1_000_000_000 if name.endswith("_ns") else 1
        offset = int(offset_s * scale) if scale > 1 else offset_s
        setattr(time, name, lambda real=real, offset=offset: real() + offset)
    try:
        yield
    finally:
        for name, real in _REAL_CLOCKS.items():
            setattr(time, name, real)


@contextlib.contextmanager
def _no_memory() -> Iterator[None]:
    """Let the process have no more address space than it has now, and a little."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 4 * _MB, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
