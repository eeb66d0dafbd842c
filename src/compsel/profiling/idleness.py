"""Whether the device is idle, before "idle" is measured on it: what others do would be counted as the choice's time."""

import os
import time
from collections.abc import Callable

import psutil

from compsel.device.sampler import read_state
from compsel.device.state import DeviceState
from compsel.progress import SILENT, Reporter

__all__ = ["BUSY_CORES", "busy_processes", "busy_words", "wait_until_idle"]

BUSY_CORES = 0.3  # kept busy by others: more is not idle
_LOOK_S, _LEAST_SHARE, _MOST_NAMED = 1.0, 0.1, 3


def wait_until_idle(
    wait_s: float, reporter: Reporter = SILENT, look: Callable[[], DeviceState] = lambda: read_state(_LOOK_S)
) -> bool:
    """Wait a while for others to leave the cores; say what is busy. Return whether the device is idle.

    Args:
        wait_s: at most so long; 0: nobody looks, and it counts as idle.
        reporter: is told what is busy, and what follows from it.
        look: watches the device for a moment.
    """
    if wait_s <= 0:
        return True
    state = look()
    if not state.load_others > BUSY_CORES:
        return True
    reporter.say(
        f"warning: {busy_words(state.load_others, state.cores)}: close it, or the figures of idle will be too slow; "
        f"waiting for up to {wait_s:.0f} s"
    )
    end = time.perf_counter() + wait_s
    while time.perf_counter() < end:
        state = look()
        if not state.load_others > BUSY_CORES:
            return True
    reporter.say(f"warning: going on, with {state.load_others:.1f} of {state.cores} cores busy with other work")
    return False


def busy_words(load_others: float, cores: int, names: Callable[[], list[str]] | None = None) -> str:
    """Return how busy the cores are, and with what.

    >>> busy_words(1.3, 2, lambda: ["backup 1.1"])
    '1.3 of 2 cores are busy with other work (backup 1.1)'
    """
    found = (names or busy_processes)()
    listed = f" ({', '.join(found)})" if found else ""
    return f"{load_others:.1f} of {cores} cores are busy with other work{listed}"


def busy_processes(look_s: float = 0.3) -> list[str]:
    """Return the processes of others that keep cores busy, with how many cores each; those that may be seen."""
    watched = []
    for process in psutil.process_iter(["name"]):
        if process.pid != os.getpid():
            try:
                process.cpu_percent()
            except psutil.Error:
                continue
            watched.append(process)
    time.sleep(look_s)
    shares = []
    for process in watched:
        try:
            shares.append((process.cpu_percent() / 100, str(process.info["name"])))
        except psutil.Error:
            continue
    busiest = sorted(shares, reverse=True)[:_MOST_NAMED]
    return [f"{name} {share:.1f}" for share, name in busiest if share >= _LEAST_SHARE]
