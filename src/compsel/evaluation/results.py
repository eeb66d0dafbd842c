"""Results of an evaluation: by policy accuracy, latency and energy, and how much of the gap to the oracle is closed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.device.fingerprint import device_fingerprint
from compsel.selection.training.gap_closed import gap_of_costs
from compsel.storage.files import without_nan

__all__ = ["Evaluation", "PolicyResult"]

Floats = NDArray[np.float64]


@dataclass
class PolicyResult:
    """The answers of one policy to n samples.

    Attributes:
        name: of the policy.
        right: (n,), whether each answer was right.
        latency_ms: (n,), median over the repeats of each sample.
        choices: what ran, with its number of samples.
        features_ms, selector_ms: (n,), overheads.
        energy_mj: of one answer, above what the device takes without it; None without a meter.

    >>> PolicyResult("fastest", np.array([1.0, 0.0]), np.array([2.0, 3.0])).cost(penalty_ms=10.0).tolist()
    [2.0, 13.0]
    """

    name: str
    right: Floats
    latency_ms: Floats
    choices: Counter[str] = field(default_factory=Counter)
    features_ms: Floats = field(default_factory=lambda: np.empty(0))
    selector_ms: Floats = field(default_factory=lambda: np.empty(0))
    energy_mj: float | None = None

    def cost(self, penalty_ms: float) -> Floats:
        """Return the latency (n,) in ms, plus the penalty where the answer is wrong."""
        return self.latency_ms + penalty_ms * (1.0 - self.right)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        p50, p95, p99 = np.quantile(self.latency_ms, [0.5, 0.95, 0.99])
        n = len(self.right)
        return {
            "accuracy": float(self.right.mean()),
            "latency_ms": {
                "mean": float(self.latency_ms.mean()),
                "p50": float(p50),
                "p95": float(p95),
                "p99": float(p99),
            },
            "energy_mj": self.energy_mj,
            "choices": {choice: count / n for choice, count in self.choices.most_common()},
        }


@dataclass(frozen=True)
class Evaluation:
    """A comparison of policies, the oracle among them.

    Attributes:
        results: by policy.
        penalty: cost of a wrong answer (ms) in `gap_closed`.
        labelled: whether accuracies are against labels (or the samples' targets); otherwise against the most accurate
            uncompressed network.
        meter: what energies were measured with; None without one.
        energy_estimated: whether a model stood in for a meter.

    >>> costs_ms = {"adaptive": 3.0, "best_static": 4.0, "oracle": 2.0}
    >>> results = {name: PolicyResult(name, np.ones(2), np.full(2, cost)) for name, cost in costs_ms.items()}
    >>> Evaluation(results, penalty=10.0, labelled=True).gap_closed
    (0.5, 0.5, 0.5)
    """

    results: Mapping[str, PolicyResult]
    penalty: float
    labelled: bool
    meter: str | None = None
    energy_estimated: bool = False

    @property
    def gap_closed(self) -> tuple[float, float, float]:
        """Share of the distance from best static to oracle, and its 95 % confidence interval (bootstrap).

        All are NaN where the oracle is no better than the best static choice: there is no gap.
        """
        ours, static, oracle = (self.results[name].cost(self.penalty) for name in ("adaptive", "best_static", "oracle"))
        return gap_of_costs(ours, static, oracle)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; figures that do not exist are None."""
        adaptive, accurate = self.results["adaptive"], self.results["most_accurate"]
        static, oracle = self.results["best_static"], self.results["oracle"]
        mean = float(adaptive.latency_ms.mean())
        features, selector = float(adaptive.features_ms.mean()), float(adaptive.selector_ms.mean())
        gap, low, high = self.gap_closed
        return {
            "n": len(adaptive.right),
            "labelled": self.labelled,
            "device": device_fingerprint(),
            "energy": {"meter": self.meter, "estimated": self.energy_estimated} if self.meter else None,
            "policies": {name: result.to_dict() for name, result in self.results.items()},
            "names": {name: name for name in self.results},
            "overhead_ms": {
                "features": features,
                "selector": selector,
                "total": features + selector,
                "share_of_mean_latency": (features + selector) / mean,
            },
            "summary": {
                "speedup_vs_most_accurate": float(accurate.latency_ms.mean()) / mean,
                "accuracy_vs_most_accurate": float(adaptive.right.mean() - accurate.right.mean()),
                "speedup_vs_best_static": float(static.latency_ms.mean()) / mean,
                "accuracy_vs_best_static": float(adaptive.right.mean() - static.right.mean()),
                "oracle_latency_fraction": float(oracle.latency_ms.mean()) / mean,
                "gap_closed": without_nan(gap),
                "gap_closed_95": without_nan([low, high]),
                "penalty_ms": self.penalty,
            },
        }
