"""Answers that are awaited: 1 to 64 at once beside bare sessions in threads, and twice as many as can be answered."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import compsel
from compsel.device.cgroup import usable_cores
from compsel.errors import OverloadedError
from compsel.runtime.runtime import Runtime
from serving_parts.answered import BareStage, answering_stages, bare_session
from serving_parts.comparison import Options, Part, Row, row

_ROUNDS, _SECONDS, _OVERLOAD_S = 5, 0.5, 2.0
_CALLERS = (1, 4, 16, 64)
_SHARE, _DEADLINE_TIMES = 2.0, 10.0
_WHAT = (
    "so many awaits at once, each asking again at once, sides in turns; bare: sessions of the stages that answer this "
    "input, prepared likewise, in a pool of one thread a core through `run_in_executor`. Overload: calls come at twice "
    "the rate that the bare side answers, with a deadline of ten times what it takes alone; bare refuses nothing"
)

Call = Callable[[], Awaitable[Any]]


def measure(options: Options) -> Part:
    """Measure awaited answers."""
    rounds = options.rounds or _ROUNDS
    rows: list[Row] = []
    with compsel.load(options.bundle) as runtime, ThreadPoolExecutor(usable_cores()) as pool:
        value = runtime.modality.decode(options.source)
        stages = answering_stages(runtime, options.source)
        bare_call = _Bare(runtime, stages, value)

        async def bare() -> None:
            await asyncio.get_running_loop().run_in_executor(pool, bare_call)

        async def ours() -> None:
            await runtime.arun(value)

        capacity, alone_ms = 0.0, 0.0
        for callers in _CALLERS:
            found: dict[str, list[tuple[float, float]]] = {"bare threads": [], "compsel arun": []}
            for _ in range(rounds):
                for name, call in (("bare threads", bare), ("compsel arun", ours)):
                    found[name].append(asyncio.run(_closed_loop(call, callers)))
            rows += _rows(found, callers)
            capacity = max(capacity, float(np.median([rate for rate, _ in found["bare threads"]])))
            if callers == 1:
                alone_ms = 1e3 / float(np.median([rate for rate, _ in found["bare threads"]]))
        deadline_ms = _DEADLINE_TIMES * alone_ms

        async def ours_in_time() -> None:
            await runtime.arun(value, deadline_ms=deadline_ms)

        for name, call in (("bare threads", bare), ("compsel arun", ours_in_time)):
            figures = [
                asyncio.run(_open_loop(call, _SHARE * capacity, deadline_ms)) for _ in range(max(1, rounds // 2))
            ]
            for what in figures[0]:
                rows.append(row(f"overload, {name}: {what}", [100 * one[what] for one in figures], "%"))
    facts = f"capacity {capacity:.0f} answers/s, deadline {deadline_ms:.1f} ms"
    return Part(f"{_WHAT}; {facts}; stages {', '.join(stage.variant for stage in stages)}", rows)


def _rows(found: dict[str, list[tuple[float, float]]], callers: int) -> list[Row]:
    rows = []
    for place, unit, what in ((0, "answers/s", ""), (1, "ms", " p95")):
        bare = [one[place] for one in found["bare threads"]]
        ours = [one[place] for one in found["compsel arun"]]
        rows.append(row(f"bare threads{what}, {callers} awaits", bare, unit))
        rows.append(row(f"compsel arun{what}, {callers} awaits", ours, unit, "bare threads", bare))
    return rows


class _Bare:
    """Bare sessions, one after the other, as a call."""

    def __init__(self, runtime: Runtime, stages: list[BareStage], value: Any) -> None:
        self._modality, self._value = runtime.modality, value
        self._stages = [(bare_session(stage), runtime.bundle.variants[stage.variant]) for stage in stages]

    def __call__(self) -> None:
        for session, variant in self._stages:
            session.run(None, dict(self._modality.graph_feeds(variant, self._value)))


async def _closed_loop(call: Call, callers: int) -> tuple[float, float]:
    """Return answers a second and the 95th percentile (ms) of callers that ask again at once."""
    times_ms: list[float] = []
    end = time.perf_counter() + _SECONDS

    async def ask() -> None:
        while time.perf_counter() < end:
            begin = time.perf_counter()
            await call()
            times_ms.append(1e3 * (time.perf_counter() - begin))

    begin = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(callers)))
    return len(times_ms) / (time.perf_counter() - begin), float(np.percentile(times_ms, 95))


async def _open_loop(call: Call, rate: float, deadline_ms: float) -> dict[str, float]:
    """Return shares of calls that come whether or not those before were answered: in time, refused, late."""
    outcomes: list[str] = []

    async def ask() -> None:
        begin = time.perf_counter()
        try:
            await call()
        except OverloadedError:
            outcomes.append("refused")
            return
        outcomes.append("in time" if 1e3 * (time.perf_counter() - begin) <= deadline_ms else "late")

    tasks = []
    begin = time.perf_counter()
    for number in itertools.count():
        due = begin + number / rate
        if due > begin + _OVERLOAD_S:
            break
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(ask()))
    await asyncio.gather(*tasks)
    return {what: outcomes.count(what) / len(outcomes) for what in ("in time", "refused", "late")}
