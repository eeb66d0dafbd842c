"""Callers that ask without end, with right and wrong inputs, and look at every answer."""

import re
import threading
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from compsel.errors import CompselError
from compsel.runtime import Runtime
from soak_parts.soaked_bundle import Expected

__all__ = ["Callers", "bad_inputs"]

_DEADLINES_MS = (None, None, 5.0, 20.0, 100.0, 1000.0)
_BAD_SHARE = 0.05
# the clock of this module is not the one that a fault makes jump
_now_s = time.perf_counter


def bad_inputs(good: bytes) -> list[Any]:
    """Return inputs that no image classifier answers."""
    return [
        good[: len(good) // 2],
        b"",
        b"GIF89a" + bytes(50),
        "no/such/file.png",
        np.zeros((0, 8, 3), np.uint8),
        np.full((8, 8, 3), np.nan),
        {"no such input": np.zeros(3, np.float32)},
        {},
        None,
        7,
    ]


class Callers:
    """Threads that ask; as many of them as `active` says are awake.

    Attributes:
        counts: of what came back.
        overtime_ms: by how much answers missed their deadline.
        untyped: errors that are none of compsel's, the first of each kind.
        wrong: what was wrong with answers.
    """

    # many parameters: what is asked, of what, and how often
    def __init__(
        self,
        runtime: Runtime,
        forms: Sequence[Sequence[Any]],
        expected: Expected,
        bad: Sequence[Any],
        seed: int,
        most: int,
    ) -> None:
        self._runtime, self._forms, self._expected, self._bad = runtime, forms, expected, bad
        self.counts: Counter[str] = Counter()
        self.overtime_ms: list[float] = []
        self._refused: Counter[str] = Counter()
        self.untyped: dict[str, str] = {}
        self.wrong: list[str] = []
        self.active, self.pause_s = most, 0.0
        self.last_clean_s = 0.0
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(number, seed)) for number in range(most)]

    def start(self) -> None:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()

    @property
    def refusals(self) -> dict[str, int]:
        """What was said of good inputs that were not answered, numbers left out, the most frequent first."""
        return dict(self._refused.most_common(10))

    def stop(self) -> int:
        """End, and return how many callers did not come back."""
        self._ended.set()
        until_s = _now_s() + 40.0
        for thread in self._threads:
            thread.join(max(0.0, until_s - _now_s()))
        return sum(thread.is_alive() for thread in self._threads)

    def _ask(self, number: int, seed: int) -> None:
        chance = np.random.default_rng((seed, number))
        while not self._ended.is_set():
            if number >= self.active:
                self._ended.wait(0.05)
                continue
            if self.pause_s:
                self._ended.wait(chance.exponential(self.pause_s))
            if chance.random() < _BAD_SHARE:
                self._ask_bad(chance)
            else:
                self._ask_good(chance)

    def _ask_good(self, chance: np.random.Generator) -> None:
        which, deadline_ms = int(chance.integers(len(self._forms))), _one(chance, _DEADLINES_MS)
        begin_s = _now_s()
        try:
            answer = self._runtime(_one(chance, self._forms[which]), deadline_ms=deadline_ms)
        except BaseException as error:
            self._failed("good input", error)
            return
        took_ms = 1000 * (_now_s() - begin_s)
        try:
            right = self._expected.is_right(which, answer)
        except MemoryError:
            self._count("answers that this benchmark had no memory to check")
            return
        self._count("answers")
        if not answer.note:
            self.last_clean_s = _now_s()
        if answer.latency_ms < 0 or any(stage.latency_ms < 0 for stage in answer.stages):
            self._count("negative latencies")
        if not right:
            self._count("wrong answers")
            with self._lock:
                self.wrong.append(f"{answer!r}")
        if deadline_ms is not None:
            self._count("answers with a deadline")
            if took_ms > deadline_ms:
                self._count(
                    "late"
                    if answer.latency_ms > deadline_ms
                    else "late by less than the caller waited for the interpreter"
                )
                with self._lock:
                    self.overtime_ms.append(took_ms - deadline_ms)
        if took_ms > 30_000:
            self._count("answers after more than 30 s")

    def _ask_bad(self, chance: np.random.Generator) -> None:
        try:
            self._runtime(_one(chance, self._bad))
        except BaseException as error:
            self._failed("bad input", error)
            return
        self._count("bad inputs that were answered")

    def _failed(self, what: str, error: BaseException) -> None:
        self._count(f"{what}: {type(error).__name__}")
        if what == "good input":
            self._refused[re.sub(r"[0-9.]+", "#", str(error))[:120]] += 1
        if not isinstance(error, CompselError):
            with self._lock:
                self.untyped.setdefault(f"{what}: {type(error).__name__}", _where(error))

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1


def _where(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{error!r:.200} in {last.filename}:{last.lineno}"


def _one(chance: np.random.Generator, things: Sequence[Any]) -> Any:
    return things[int(chance.integers(len(things)))]
