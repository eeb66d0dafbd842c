"""Calls of several sides that take turns in one process."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnxruntime

__all__ = ["Turns", "rates_in_turns", "times_in_turns"]

_WARM_UP = 10


@dataclass
class Turns:
    """The calls of one side, one a round.

    Attributes:
        wall_ms: what each took.
        own_ms: processor time of the caller's thread: what others compute meanwhile does not count.
        outside_ms: of this, what is not in the runs of sessions: those of one graph differ by more than is added.
        given: what each returned.
    """

    wall_ms: list[float] = field(default_factory=list)
    own_ms: list[float] = field(default_factory=list)
    outside_ms: list[float] = field(default_factory=list)
    given: list[Any] = field(default_factory=list)


def times_in_turns(sides: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, Turns]:
    """Call each side once in every round; the order changes from round to round."""
    rng, order = np.random.default_rng(0), list(sides)
    found = {name: Turns() for name in sides}
    for call in sides.values():
        for _ in range(_WARM_UP):
            call()
    with _watched_runs() as inside_ns:
        for _ in range(rounds):
            rng.shuffle(order)
            for name in order:
                call, side = sides[name], found[name]
                inside_ns.clear()
                begin, own = time.perf_counter_ns(), time.thread_time_ns()
                result = call()
                side.own_ms.append((time.thread_time_ns() - own) / 1e6)
                side.wall_ms.append((time.perf_counter_ns() - begin) / 1e6)
                side.outside_ms.append(side.own_ms[-1] - sum(inside_ns) / 1e6)
                side.given.append(result)
    return found


@contextlib.contextmanager
def _watched_runs() -> Iterator[list[int]]:
    """Note the processor time (ns) of every run of a session."""
    inside_ns: list[int] = []
    run = onnxruntime.InferenceSession.run

    def watched(*arguments: Any) -> Any:
        begin = time.thread_time_ns()
        try:
            return run(*arguments)
        finally:
            inside_ns.append(time.thread_time_ns() - begin)

    onnxruntime.InferenceSession.run = watched
    try:
        yield inside_ns
    finally:
        onnxruntime.InferenceSession.run = run


def rates_in_turns(
    sides: Mapping[str, Callable[[], Any]], callers: int, seconds: float, rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Return in every round how many answers a second each side gives, and the processor time (ms) of one."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, call in sides.items():
            found[name].append(_rate(call, callers, seconds))
    return found


def _rate(call: Callable[[], Any], callers: int, seconds: float) -> tuple[float, float]:
    counts = [0] * callers
    begin, own_s = time.perf_counter(), time.process_time()

    def ask(number: int) -> None:
        while time.perf_counter() - begin < seconds:
            call()
            counts[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - begin), 1e3 * (time.process_time() - own_s) / max(1, sum(counts))
