"""Compare a bundle's policy with the baselines and the oracle: one run, interleaved, on the real runtime.

Every policy answers every sample, in a new random order each time, so that drift of the device hits all alike.
Latencies are end to end: decoded image in, answer out, with preprocessing, features, selector and every stage.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from compsel.device.energy import Meter
from compsel.errors import BundleError, SamplesError
from compsel.evaluation.correctness import Correctness, correctness_of
from compsel.evaluation.policy_energy import policy_energies
from compsel.evaluation.results import Evaluation, PolicyResult
from compsel.inputs.samples import Samples
from compsel.profiling.output_quality import Quality
from compsel.progress import SILENT, Reporter
from compsel.runtime.answer import Answer
from compsel.runtime.runtime import Runtime
from compsel.selection.policies import FixedPolicy

__all__ = ["evaluate"]


@dataclass(frozen=True, slots=True)
class _AnswerRecord:
    """What is kept of one answer; the outputs of all would fill the memory."""

    right: bool
    choice: str
    latency_ms: float
    features_ms: float
    selector_ms: float

    @classmethod
    def of(cls, answer: Answer, right: bool) -> "_AnswerRecord":
        return cls(right, answer.choice, answer.latency_ms, answer.features_ms, answer.selector_ms)


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
        reporter: of progress.
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
    correctness = correctness_of(runtime, samples, quality, reporter)
    oracle = _oracle_variants(runtime, samples, correctness, reporter)
    generator = np.random.default_rng(seed)
    fixed = {name: runtime.with_policy(FixedPolicy(name)) for name in runtime.bundle.variants}
    shared = {name: runtime.with_policy(policy) for name, policy in runtime.bundle.policies.items()}
    for one in [*fixed.values(), *shared.values()]:
        one.warm_up()
    variants = list(fixed)
    collected: dict[str, list[list[_AnswerRecord]]] = {name: [] for name in (*shared, "random", "oracle")}
    for index in reporter.track(range(len(samples)), "evaluating"):
        runtimes = shared | {
            "random": fixed[variants[generator.integers(len(variants))]],
            "oracle": fixed[oracle[index]],
        }
        for name, records in _interleaved(runtimes, samples, index, correctness, generator, repeats).items():
            collected[name].append(records)
    results = {name: _result(name, rows) for name, rows in collected.items()}
    if meter is None:
        return Evaluation(results, penalty, correctness.labelled)
    answering: dict[str, list[Runtime]] = {name: [one] * len(samples) for name, one in shared.items()}
    answering["random"] = [fixed[name] for name in generator.choice(variants, len(samples))]
    answering["oracle"] = [fixed[name] for name in oracle]
    for name, energy_mj in policy_energies(answering, samples, meter, reporter=reporter).items():
        results[name].energy_mj = energy_mj
    return Evaluation(results, penalty, correctness.labelled, meter.name, meter.estimated)


def _interleaved(
    runtimes: dict[str, Runtime],
    samples: Samples,
    index: int,
    correctness: Correctness,
    generator: np.random.Generator,
    repeats: int,
) -> dict[str, list[_AnswerRecord]]:
    """Answer one sample by every policy, again and again in random order."""
    value, names = samples.value(index), list(runtimes)
    records: dict[str, list[_AnswerRecord]] = {name: [] for name in names}
    for _ in range(repeats):
        for position in generator.permutation(len(names)):
            answer = runtimes[names[position]].answer(value)
            records[names[position]].append(_AnswerRecord.of(answer, correctness.right(answer, index)))
    return records


def _penalty(runtime: Runtime) -> float:
    """Return the cost of a wrong answer."""
    penalty = runtime.bundle.summary.get("penalty_ms")
    if penalty is None:
        raise BundleError(f"{runtime.bundle.folder}: has no cost of a wrong answer (penalty_ms): build it again")
    return float(penalty)


def _oracle_variants(runtime: Runtime, samples: Samples, correctness: Correctness, reporter: Reporter) -> list[str]:
    """Return for each sample the cheapest variant that is right; the cheapest of all where none is."""
    order = sorted(runtime.bundle.variants, key=lambda name: runtime.costs.processors(name, runtime.costs.idle)[1])
    fixed = {name: runtime.with_policy(FixedPolicy(name)) for name in order}
    chosen = []
    for index in reporter.track(range(len(samples)), "oracle"):
        value = samples.value(index)
        right = (name for name in order if correctness.right(fixed[name].answer(value), index))
        chosen.append(next(right, order[0]))
    return chosen


def _result(name: str, rows: list[list[_AnswerRecord]]) -> PolicyResult:
    """Join the records (n samples, repeats): the first answer counts, and the median of the times."""
    firsts = [answers[0] for answers in rows]
    return PolicyResult(
        name,
        np.array([answer.right for answer in firsts], np.float64),
        np.array([np.median([answer.latency_ms for answer in answers]) for answers in rows]),
        Counter(answer.choice for answer in firsts),
        np.array([np.median([answer.features_ms for answer in answers]) for answers in rows]),
        np.array([np.median([answer.selector_ms for answer in answers]) for answers in rows]),
    )
