"""The CPU as several processors: by number of threads, and by how idle threads wait."""

import os
from collections.abc import Iterator
from dataclasses import field

from compsel.device.cgroup import usable_cores
from compsel.errors import ProcessorError
from compsel.models.ort_options import session_options
from compsel.processors.base import Availability, Processor, ProcessorFamily
from compsel.processors.ort_session import OrtSession
from compsel.values import dataclass

__all__ = ["CpuFamily", "CpuProcessor", "default_cpu"]

_OVERSUBSCRIBED = 2  # sleeping threads a core


@dataclass(frozen=True)
class CpuProcessor(Processor):
    """ONNX Runtime's CPU provider with a number of threads.

    Two threads that spin are fastest on idle cores and much slower beside a busy neighbour, where threads that sleep
    (`nospin`), or one thread, win: which one is best depends on the state of the device, so each is a processor.

    Attributes:
        threads: how many work on one inference, the caller's among them.
        spinning: whether threads wait for work busily during a run. One thread never waits.

    Raises:
        ProcessorError: fewer than one thread.

    >>> CpuProcessor(2, spinning=False).name
    'cpu:2:nospin'
    >>> CpuProcessor(1).availability()
    Availability(available=True, reason='1 thread')
    """

    threads: int
    spinning: bool = True
    name: str = field(init=False)
    provider: str = field(init=False, default="CPUExecutionProvider", repr=False)

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ProcessorError(f"cpu: got {self.threads} threads, allowed is at least 1")
        spinning = self.spinning and self.threads > 1
        object.__setattr__(self, "spinning", spinning)
        waiting = "" if spinning or self.threads == 1 else ":nospin"
        object.__setattr__(self, "name", f"cpu:{self.threads}{waiting}")

    def availability(self) -> Availability:
        """Say whether this process may use that many cores (affinity, container), and whether a graph runs."""
        from compsel.processors.smoke_test import smoke_test  # an app knows that the CPU works

        found = self.offered()
        return smoke_test(self, found.reason) if found.available else found

    def offered(self) -> Availability:
        """Say whether this process may use that many cores: every ONNX Runtime has the CPU."""
        if self.threads == 1:
            return Availability(True, "1 thread")
        usable = usable_cores()
        # beside busy neighbours the scheduler shares by thread: more threads get more of the cores, if they sleep
        most = usable if self.spinning else _OVERSUBSCRIBED * usable
        if self.threads > most:
            return Availability(False, f"{self.threads} threads, but this process may use {usable} cores")
        return Availability(True, f"{self.threads} threads, {'spinning' if self.spinning else 'not spinning'}")

    def open(self, variant: bytes | str | os.PathLike[str]) -> OrtSession:
        """Load a variant (its path, or the bytes of its ONNX file).

        Raises:
            ModelError: not a model, a truncated one, or an operator that the runtime lacks.
        """
        return OrtSession(variant, session_options(self.threads, spinning=self.spinning))


class CpuFamily(ProcessorFamily):
    """The CPU with 1, 2, 4, ... threads up to all cores that this process may use, spinning and not.

    Then with twice as many threads as cores, which is fastest beside busy neighbours.

    >>> CpuFamily().parse("cpu:2:nospin").threads
    2
    """

    forms = ("cpu:N", "cpu:N:nospin", "cpu:all")

    def parse(self, name: str) -> CpuProcessor | None:
        """Return the processor called `name`; None where it is not such a name."""
        word, _, rest = name.partition(":")
        count, _, waiting = rest.partition(":")
        threads = usable_cores() if count == "all" else int(count) if count.isdecimal() and count.isascii() else 0
        wrong = threads < 1 or waiting not in ("", "nospin") or rest.endswith(":") or (waiting and threads == 1)
        return None if word != "cpu" or wrong else CpuProcessor(threads, spinning=not waiting)

    def discover(self) -> Iterator[tuple[Processor, Availability]]:
        """Run a small graph with each number of threads."""
        cores = usable_cores()
        counts = [1]
        while 2 * counts[-1] < cores:
            counts.append(2 * counts[-1])
        for threads in sorted({*counts, default_cpu().threads, cores}):
            yield _tried(CpuProcessor(threads))
            if threads > 1:
                yield _tried(CpuProcessor(threads, spinning=False))
        if cores > 1:
            yield _tried(CpuProcessor(_OVERSUBSCRIBED * cores, spinning=False))


def default_cpu() -> CpuProcessor:
    """Return how ONNX Runtime runs a session that nobody configured: a thread for each physical core, spinning.

    >>> default_cpu().threads >= 1
    True
    """
    usable = usable_cores()
    import psutil  # only who profiles asks

    return CpuProcessor(min(psutil.cpu_count(logical=False) or usable, usable))


def _tried(processor: CpuProcessor) -> tuple[Processor, Availability]:
    return processor, processor.availability()
