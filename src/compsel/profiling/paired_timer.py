"""Latency of a variant beside its uncompressed model: in turns, so that what drifts hits both alike."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.profiling.latency import Criterion
from compsel.variants.engine import Engine

__all__ = ["Pair", "Ratio", "measure_pair"]

_DRAWS, _ENDS = 1000, (0.025, 0.975)
_LEAST_RUNS = 3
# a visit takes some runs in a row after one that fetches the weights into the caches; slow models have weights that no
# cache holds, and one run
_RUNS_PER_VISIT, _SLOW_MS = 3, 60.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ratio:
    """The variant's latency divided by the model's.

    Attributes:
        value: of the medians.
        low, high: 95 % confidence interval (bootstrap over the visits, in which both ran one after the other).
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Pair:
    """What was measured.

    Attributes:
        original_ms: (n,) every timed inference of the uncompressed model, visit after visit.
        variant_ms: (n,) the same of the variant, in the same visits.
        runs_per_visit: how many of them followed each other in one visit; n is a multiple of it.

    >>> pair = Pair(np.array([2.0, 2.0, 2.0]), np.array([1.0, 1.0, 1.0]))
    >>> pair.ratio()
    Ratio(value=0.5, low=0.5, high=0.5)
    """

    original_ms: Floats
    variant_ms: Floats
    runs_per_visit: int = 1

    def ratio(self, seed: int = 0) -> Ratio:
        """Return the ratio of the medians with its confidence interval."""
        # runs of one visit hang together: whole visits are drawn
        visits = len(self.variant_ms) // self.runs_per_visit
        drawn = np.random.default_rng(seed).integers(0, visits, (_DRAWS, visits))
        low, high = np.quantile(self._medians(self.variant_ms, drawn) / self._medians(self.original_ms, drawn), _ENDS)
        value = float(np.median(self.variant_ms) / np.median(self.original_ms))
        return Ratio(value, min(float(low), value), max(float(high), value))

    def _medians(self, latencies_ms: Floats, drawn: NDArray[np.int64]) -> Floats:
        parts = latencies_ms.reshape(-1, self.runs_per_visit)[drawn]
        return np.asarray(np.median(parts.reshape(len(drawn), -1), axis=1))


def measure_pair(original: Engine, variant: Engine, values: Sequence[Any], criterion: Criterion) -> Pair:
    """Run both in turns until both means are known well enough, or the budget is spent.

    Args:
        original, variant: on the same processor; one and the same engine twice for the uncompressed model itself.
        values: inputs, taken in turn.
        criterion: when a mean is known well enough; `budget_s` is for both together, but each runs three times.
    """
    alone = original is variant
    engines = (variant,) if alone else (original, variant)
    visit_ms = max(_visit(engine, values, 0, 1, 1)[0] for engine in engines)  # the first runs warm up, untimed
    slow = visit_ms > _SLOW_MS
    runs, untimed = (1, 0) if slow else (_RUNS_PER_VISIT, 1)
    measured: dict[int, list[float]] = {id(engine): [] for engine in engines}
    started = time.perf_counter()
    number = 0
    while number * runs < _LEAST_RUNS or (
        time.perf_counter() - started < criterion.budget_s
        and not all(criterion.met(latencies) for latencies in measured.values())
    ):
        # who comes first changes, so that neither always finds the caches of the other
        for engine in engines if number % 2 else engines[::-1]:
            measured[id(engine)] += _visit(engine, values, number, runs, untimed)
        number += 1
    return Pair(np.array(measured[id(original)]), np.array(measured[id(variant)]), runs)


def _visit(engine: Engine, values: Sequence[Any], number: int, runs: int, untimed: int) -> list[float]:
    """Run a few times, the first ones untimed; return the latencies (ms)."""
    latencies = []
    for run in range(-untimed, runs):
        value = values[(number * runs + run) % len(values)]
        begin = time.perf_counter_ns()
        engine(value)
        if run >= 0:
            latencies.append((time.perf_counter_ns() - begin) / 1e6)
    return latencies
