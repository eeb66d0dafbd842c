"""Results of policies that no clock decides."""

from collections.abc import Sequence

import numpy as np

from compsel.evaluation.results import PolicyResult


def result(latency_ms: Sequence[float] | np.ndarray, right: Sequence[float] | np.ndarray | float = 1.0) -> PolicyResult:
    """What a policy did; `right` may be one number for all samples."""
    latency = np.asarray(latency_ms, np.float64)
    return PolicyResult("made up", np.broadcast_to(np.asarray(right, np.float64), latency.shape).copy(), latency)


def spread(mean_ms: float, n: int, seed: int = 0, by: float = 0.2) -> np.ndarray:
    """Latencies (n,) around a mean, `by` of it to both sides, whose mean it is exactly."""
    drawn = np.random.default_rng(seed).uniform(1 - by, 1 + by, n)
    return np.asarray(mean_ms * drawn / drawn.mean())


def right(share: float, n: int) -> np.ndarray:
    """The first ones are right."""
    return (np.arange(n) < round(share * n)).astype(np.float64)
