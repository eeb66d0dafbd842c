"""Time inferences: some in a row, after others that bring weights and inputs into the caches."""

import time
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["timed_runs"]


def timed_runs(
    run: Callable[[Any], Any], values: Sequence[Any], visit: int, runs: int, warm_up_runs: int
) -> list[float]:
    """Run inferences in a row and return the latency (ms) of those after the warm-up.

    Args:
        run: one inference.
        values: inputs, taken in turn: each visit goes on where the one before ended.
        visit: its number, from 0.
        runs: how many are timed in one visit.
        warm_up_runs: how many come before them.

    >>> inputs = []
    >>> len(timed_runs(inputs.append, ["a", "b", "c"], visit=1, runs=2, warm_up_runs=1)), inputs
    (2, ['b', 'c', 'a'])
    """
    latencies_ms = []
    for number in range(-warm_up_runs, runs):
        value = values[(visit * runs + number) % len(values)]
        begin = time.perf_counter_ns()
        run(value)
        end = time.perf_counter_ns()
        if number >= 0:
            latencies_ms.append((end - begin) / 1e6)
    return latencies_ms
