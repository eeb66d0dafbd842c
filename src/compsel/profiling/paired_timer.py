"""Paired timing: a variant and its uncompressed model run in turns, so that what drifts hits both alike."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.profiling.confidence_intervals import Estimate
from compsel.profiling.latency import Criterion
from compsel.profiling.timed_runs import timed_runs

__all__ = ["PairedLatencies", "measure_pair"]

_DRAWS, _ENDS = 1000, (0.025, 0.975)
_LEAST_RUNS = 3
# a visit takes some runs in a row after one that fetches the weights into the caches; slow models have weights that no
# cache holds, and one run
_RUNS_PER_VISIT, _SLOW_MS = 3, 60.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PairedLatencies:
    """Latencies of an uncompressed model and a variant that ran in turns.

    Attributes:
        original_ms: (n,) every timed inference of the uncompressed model, visit after visit.
        variant_ms: (n,) the same of the variant, in the same visits.
        runs_per_visit: how many of them followed each other in one visit; n is a multiple of it.

    >>> pair = PairedLatencies(np.array([2.0, 2.0, 2.0]), np.array([1.0, 1.0, 1.0]))
    >>> pair.ratio()
    Estimate(value=0.5, low=0.5, high=0.5)
    """

    original_ms: Floats
    variant_ms: Floats
    runs_per_visit: int = 1

    def ratio(self, seed: int = 0) -> Estimate:
        """Return the variant's median over the model's, with the 95 % interval of a bootstrap over the visits."""
        # runs of one visit are correlated: whole visits are drawn
        visits = len(self.variant_ms) // self.runs_per_visit
        drawn = np.random.default_rng(seed).integers(0, visits, (_DRAWS, visits))
        low, high = np.quantile(self._medians(self.variant_ms, drawn) / self._medians(self.original_ms, drawn), _ENDS)
        value = float(np.median(self.variant_ms) / np.median(self.original_ms))
        return Estimate(value, min(float(low), value), max(float(high), value))

    def _medians(self, latencies_ms: Floats, drawn: NDArray[np.int64]) -> Floats:
        parts = latencies_ms.reshape(-1, self.runs_per_visit)[drawn]
        return np.asarray(np.median(parts.reshape(len(drawn), -1), axis=1))


def measure_pair(
    original: Callable[[Any], Any], variant: Callable[[Any], Any], values: Sequence[Any], criterion: Criterion
) -> PairedLatencies:
    """Run both in turns until both means are known well enough, or the budget is spent.

    Args:
        original, variant: one inference of each, on the same processor: an `Engine`, or a session's `run`; the same
            object twice for the uncompressed model itself.
        values: inputs, taken in turn.
        criterion: when a mean is known well enough; `budget_s` is for both together, but each runs three times.
    """
    alone = original is variant
    inferences = (variant,) if alone else (original, variant)
    visit_ms = max(timed_runs(run, values, 0, 1, 1)[0] for run in inferences)  # the first runs warm up, untimed
    runs, warm_up_runs = (1, 0) if visit_ms > _SLOW_MS else (_RUNS_PER_VISIT, 1)
    measured: list[list[float]] = [[] for _ in inferences]
    started = time.perf_counter()
    number = 0
    while number * runs < _LEAST_RUNS or (
        time.perf_counter() - started < criterion.budget_s
        and not all(criterion.met(latencies_ms) for latencies_ms in measured)
    ):
        # the order alternates, so that neither always finds the caches of the other
        pairs = list(zip(inferences, measured, strict=True))
        for run, latencies_ms in pairs if number % 2 else pairs[::-1]:
            latencies_ms += timed_runs(run, values, number, runs, warm_up_runs)
        number += 1
    return PairedLatencies(np.array(measured[0]), np.array(measured[-1]), runs)
