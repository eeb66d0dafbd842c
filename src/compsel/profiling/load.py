"""Real load on the machine: processes that keep cores, or the memory bus, busy while something is measured."""

import math
import subprocess
import sys
import time
from types import TracebackType
from typing import Literal, Self

from compsel.device.cgroup import usable_cores
from compsel.errors import ProfileError, did_you_mean

__all__ = ["BusyProcesses", "parse_state", "soak_minutes", "standard_states"]

_COMPUTE = "while True: pass"
_MEMORY = (
    "import numpy as np\na = np.ones(8_000_000); b = np.empty_like(a)\nwhile True: np.add(a, 1.0, out=b); a, b = b, a"
)
_SETTLE_S = 0.5
_EXAMPLES = {"idle": "idle", "busy": "busy:1", "memory": "memory:1", "soak": "soak:10"}


class BusyProcesses:
    """Real processes that each keep one core busy, from entering the block to leaving it.

    Args:
        count: how many processes.
        kind: "compute" spins in the interpreter, "memory" streams through arrays larger than the caches.

    Attributes:
        processes: that run now.

    >>> with BusyProcesses(0) as busy:
    ...     busy.count
    0
    """

    def __init__(self, count: int, kind: Literal["compute", "memory"] = "compute") -> None:
        self.count = count
        self.kind = kind
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        code = _COMPUTE if self.kind == "compute" else _MEMORY
        # each ends by itself when its parent is gone: it reads the pipe that only we hold open
        watch = "import os, sys, threading\nthreading.Thread(target=lambda: (sys.stdin.read(), os._exit(0))).start()\n"
        try:
            for _ in range(self.count):
                # in a session of its own, Ctrl-C reaches us alone: we end them, and they print nothing
                process = subprocess.Popen(
                    [sys.executable, "-c", watch + code], stdin=subprocess.PIPE, start_new_session=True
                )
                self.processes.append(process)
            if self.count:
                time.sleep(_SETTLE_S)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
        self.processes = []


def standard_states() -> tuple[str, ...]:
    """Return the states that a device is measured in: idle, beside one busy process, and one and two a core.

    The cores are those that this process may use: what it starts may use no others.
    """
    cores = usable_cores()
    return tuple(dict.fromkeys(("idle", "busy:1", f"busy:{cores}", f"busy:{2 * cores}")))


def parse_state(state: str) -> BusyProcesses:
    """Return the load that makes a state: "idle", "busy:N", "memory:N", or "soak:MINUTES" (see `soak_minutes`).

    Raises:
        ProfileError: not such a word.

    >>> parse_state("busy:2").count
    2
    """
    kind, _, count = state.partition(":")
    if state == "idle" or soak_minutes(state):
        return BusyProcesses(0)
    if kind in ("busy", "memory") and count.isdecimal() and int(count) > 0:
        return BusyProcesses(int(count), "compute" if kind == "busy" else "memory")
    near = ": N and MINUTES are numbers above 0"
    if kind not in _EXAMPLES:
        near = did_you_mean(kind, _EXAMPLES.values())
    raise ProfileError(
        f"state: got {state!r}, allowed are idle, busy:N and memory:N with N processes, from 1, and soak:MINUTES{near}"
    )


def soak_minutes(state: str) -> float:
    """Return how long inferences run before "soak:MINUTES" is measured, so that the device is warm; 0 for others.

    >>> soak_minutes("soak:30"), soak_minutes("idle")
    (30.0, 0.0)
    """
    kind, _, minutes = state.partition(":")
    if kind != "soak":
        return 0.0
    try:
        value = float(minutes)
    except ValueError:
        return 0.0
    return value if 0 < value < math.inf else 0.0
