"""Compare a bundle's policy with the baselines and the oracle: one run, interleaved, on the real runtime.

Every policy answers every sample, in a new random order each time, so that drift of the device hits all alike.
Latencies are end to end: decoded image in, answer out, with preprocessing, features, selector and every stage.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.device.energy import Meter
from compsel.device.sampler import device_fingerprint
from compsel.errors import BundleError, SamplesError
from compsel.evaluation.correctness import Correctness, correctness_of
from compsel.evaluation.policy_energy import policy_energies
from compsel.inputs.samples import Samples
from compsel.profiling.output_quality import Quality
from compsel.progress import SILENT, Reporter
from compsel.runtime.answer import Answer
from compsel.runtime.runtime import Runtime
from compsel.selection.policies import FixedPolicy
from compsel.selection.training.gap_closed import gap_of_costs
from compsel.storage.files import without_nan

__all__ = ["Evaluation", "PolicyResult", "evaluate"]

Floats = NDArray[np.float64]


@dataclass
class PolicyResult:
    """What one policy did.

    Attributes:
        name: of the policy.
        right: (n,), whether each answer was right.
        latency_ms: (n,), median over the repeats of each sample.
        choices: what ran, with its number of samples.
        features_ms, selector_ms: (n,), overheads.
        energy_mj: of one answer, above what the device takes without it; None without a meter.
    """

    name: str
    right: Floats
    latency_ms: Floats
    choices: Counter[str] = field(default_factory=Counter)
    features_ms: Floats = field(default_factory=lambda: np.empty(0))
    selector_ms: Floats = field(default_factory=lambda: np.empty(0))
    energy_mj: float | None = None

    def cost(self, penalty: float) -> Floats:
        """Return latency, and the penalty where the answer is wrong."""
        return self.latency_ms + penalty * (1.0 - self.right)

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


@dataclass(frozen=True, slots=True)
class _Said:
    """What counts of one answer; its outputs would fill the memory."""

    right: bool
    choice: str
    latency_ms: float
    features_ms: float
    selector_ms: float

    @classmethod
    def of(cls, answer: Answer, right: bool) -> "_Said":
        return cls(right, answer.choice, answer.latency_ms, answer.features_ms, answer.selector_ms)


@dataclass(frozen=True)
class Evaluation:
    """The comparison.

    Attributes:
        results: by policy.
        penalty: cost of a wrong answer (ms) in `gap_closed`.
        labelled: whether accuracies are against labels (or the samples' targets); otherwise against the most accurate
            uncompressed network.
        meter: what energies were measured with; None without one.
        energy_estimated: whether a model stood in for a meter.
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


def evaluate(
    runtime: Runtime,
    samples: Samples,
    *,
    repeats: int = 3,
    seed: int = 0,
    reporter: Reporter = SILENT,
    meter: Meter | None = None,
    quality: Quality | str | None = None,
) -> Evaluation:
    """Answer every sample by every policy of the bundle, by random choices, and by the oracle.

    Args:
        runtime: of the bundle.
        samples: with labels; without, answers count as right that agree with the most accurate uncompressed network.
        repeats: of each sample and policy; the median counts.
        seed: of the order and of the random choices.
        reporter: hears how far it is.
        meter: of energy, open; None: no energies.
        quality: for a bundle of models without class scores that was built with a function: that function, or
            "module:function" (see `compsel.profiling.output_quality.OutputQuality`).

    Raises:
        SamplesError: no samples, labels that the models do not have, or fewer than one repeat.
        BundleError: a quality that is missing, or a bundle without a cost of a wrong answer.
    """
    if not len(samples):
        raise SamplesError("no samples to evaluate on: give some")
    if repeats < 1:
        raise SamplesError(f"repeats: got {repeats}, allowed is 1 or more")
    penalty = _penalty(runtime)
    referee = correctness_of(runtime, samples, quality, reporter)
    oracle = _oracle_choices(runtime, samples, referee, reporter)
    generator = np.random.default_rng(seed)
    fixed = {name: runtime.with_policy(FixedPolicy(name)) for name in runtime.bundle.variants}
    shared = {name: runtime.with_policy(policy) for name, policy in runtime.bundle.policies.items()}
    for one in [*fixed.values(), *shared.values()]:
        one.warm_up()
    names = [*shared, "random", "oracle"]
    collected: dict[str, list[list[_Said]]] = {name: [] for name in names}
    variants = list(fixed)
    for index in reporter.track(range(len(samples)), "evaluating"):
        value = samples.value(index)
        choosing = shared | {
            "random": fixed[variants[generator.integers(len(variants))]],
            "oracle": fixed[oracle[index]],
        }
        answers: dict[str, list[_Said]] = {name: [] for name in names}
        for _ in range(repeats):
            for position in generator.permutation(len(names)):
                answer = choosing[names[position]].answer(value)
                answers[names[position]].append(_Said.of(answer, referee.right(answer, index)))
        for name in names:
            collected[name].append(answers[name])
    results = {name: _result(name, rows) for name, rows in collected.items()}
    if meter is None:
        return Evaluation(results, penalty, referee.labelled)
    answering: dict[str, list[Runtime]] = {name: [one] * len(samples) for name, one in shared.items()}
    answering["random"] = [fixed[name] for name in generator.choice(variants, len(samples))]
    answering["oracle"] = [fixed[name] for name in oracle]
    for name, energy in policy_energies(answering, samples, meter, reporter=reporter).items():
        results[name].energy_mj = energy
    return Evaluation(results, penalty, referee.labelled, meter.name, meter.estimated)


def _penalty(runtime: Runtime) -> float:
    """Return the cost of a wrong answer."""
    penalty = runtime.bundle.summary.get("penalty_ms")
    if penalty is None:
        raise BundleError(f"{runtime.bundle.folder}: has no cost of a wrong answer (penalty_ms): build it again")
    return float(penalty)


def _oracle_choices(
    runtime: Runtime,
    samples: Samples,
    referee: Correctness,
    reporter: Reporter,
) -> list[str]:
    """Return for each sample the cheapest variant that is right; the cheapest of all where none is."""
    order = sorted(runtime.bundle.variants, key=lambda name: runtime.costs.processors(name, runtime.costs.idle)[1])
    fixed = {name: runtime.with_policy(FixedPolicy(name)) for name in order}
    chosen = []
    for index in reporter.track(range(len(samples)), "oracle"):
        value = samples.value(index)
        right = (name for name in order if referee.right(fixed[name].answer(value), index))
        chosen.append(next(right, order[0]))
    return chosen


def _result(name: str, rows: list[list[_Said]]) -> PolicyResult:
    firsts = [answers[0] for answers in rows]
    return PolicyResult(
        name,
        np.array([answer.right for answer in firsts], np.float64),
        np.array([np.median([answer.latency_ms for answer in answers]) for answers in rows]),
        Counter(answer.choice for answer in firsts),
        np.array([np.median([answer.features_ms for answer in answers]) for answers in rows]),
        np.array([np.median([answer.selector_ms for answer in answers]) for answers in rows]),
    )
