"""One model on one processor, loaded and warmed up: what a benchmark times in turns."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from compsel.inputs.feeds_file import write_feeds_file
from compsel.processors.base import Processor, Session
from compsel.processors.provider import ProviderProcessor
from compsel.profiling.memory import ProcessStart, measure_start
from compsel.profiling.timed_runs import timed_runs

__all__ = ["Contender"]

# a window is stable where its median is near that of the one before; two in a row, so that chance does not do it
_WINDOW_RUNS, _WINDOW_S, _NEAR, _STABLE_WINDOWS = 5, 0.1, 0.05, 2

Feeds = Mapping[str, np.ndarray]


@dataclass
class Contender:
    """A loaded model.

    Attributes:
        name: of the model, as it was given.
        file: its ONNX file.
        processor: where it runs.
        session: open there.
        feeds: of its inputs, taken in turn.
        latencies_ms: of all timed runs.
        warm_up_runs, stable: see `warm_up`.

    >>> from compsel.processors import CpuProcessor
    >>> from compsel.processors.smoke_test import smoke_feeds, smoke_graph
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "smoke.onnx"
    >>> _ = file.write_bytes(smoke_graph())
    >>> cpu = CpuProcessor(1)
    >>> contender = Contender("smoke", file, cpu, cpu.open(file), [smoke_feeds()])
    >>> contender.warm_up(0.01)
    >>> contender.warm_up_runs >= 5
    True
    """

    name: str
    file: Path
    processor: Processor
    session: Session
    feeds: Sequence[Feeds]
    latencies_ms: list[float] = field(default_factory=list)
    warm_up_runs: int = 0
    stable: bool = False

    def time(self, visit: int, runs: int, warm_up_runs: int) -> None:
        """Time some runs in a row, after others that bring weights and inputs into the caches."""
        self.latencies_ms += timed_runs(self.session.run, self.feeds, visit, runs, warm_up_runs)

    def warm_up(self, most_s: float) -> None:
        """Run until the latency is stable, or for `most_s`: clocks rise, caches fill, kernels are compiled."""
        begin = time.perf_counter()
        before, near = 0.0, 0
        while True:
            window = self.window()
            self.warm_up_runs += len(window)
            median = float(np.median(window))
            near = near + 1 if abs(median - before) <= _NEAR * before else 0
            before = median
            self.stable = near >= _STABLE_WINDOWS
            if self.stable or time.perf_counter() - begin > most_s:
                return

    def window(self) -> list[float]:
        """Return the latencies (ms) of a few runs, or of those of a tenth of a second."""
        begin = time.perf_counter()
        window: list[float] = []
        while len(window) < _WINDOW_RUNS or time.perf_counter() - begin < _WINDOW_S:
            window += timed_runs(self.session.run, self.feeds, self.warm_up_runs + len(window), 1, 0)
            if time.perf_counter() - begin > 10 * _WINDOW_S:
                break
        return window

    def start(self) -> ProcessStart:
        """Measure load time and peak memory in a process of its own.

        Raises:
            ProfileError: it did not run there.
        """
        with TemporaryDirectory(prefix="compsel-") as folder:
            path = Path(folder) / "feeds.npz"
            write_feeds_file(path, self.feeds[0])
            return measure_start(self.file, self.processor, path)

    def placement(self) -> str:
        """Say which part of the graph runs on the processor."""
        if isinstance(self.processor, ProviderProcessor):
            return str(self.processor.placement(str(self.file), self.feeds[0]))
        return "wholly placed"
