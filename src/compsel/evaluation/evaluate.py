"""Compare a bundle's policy with the baselines, the sceptic's choice and the oracle: one run, on the real runtime.

First every variant of the bundle, and every policy that may change between them, answers every sample once: who is
right, what a sceptic might ship, and what the oracle chooses. Then whatever a policy runs for a sample is timed,
interleaved by blocks of some samples, in a new random order each time: drift of the device hits all alike. Whoever runs
the same variant runs it in the same way, placed where it is cheapest now, and is timed once: a choice compared with
itself is 1.0. Latencies are end to end: from what an app holds, such as the bytes of a file, to the answer, with
decoding, preprocessing, features, selector and every stage.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from compsel.device.energy import Meter
from compsel.errors import BundleError, SamplesError
from compsel.evaluation.correctness import Correctness, answer_of, correctness_of
from compsel.evaluation.hindsight import hindsight_static, oracle_choices, shortlist
from compsel.evaluation.policy_energy import policy_energies
from compsel.evaluation.results import Evaluation, PolicyResult
from compsel.inputs.samples import Samples
from compsel.profiling.output_quality import Quality
from compsel.progress import SILENT, Reporter
from compsel.runtime.answer import Answer
from compsel.runtime.runtime import Runtime
from compsel.selection.certificate.certificate import Certificate, CertificateCheck
from compsel.selection.policies import FixedPolicy, Policy
from compsel.techniques.heads.folds import sample_hashes
from compsel.techniques.heads.learned import hashes_from_text

__all__ = ["evaluate"]

# samples in a block: so many that the fastest variant runs for about so long, within these numbers
_TURN_MS, _LEAST_BLOCK, _MOST_BLOCK = 20.0, 10, 500


@dataclass(frozen=True, slots=True)
class _Timing:
    """What is kept of one answer; the outputs of all would fill the memory."""

    choice: str
    latency_ms: float
    features_ms: float
    selector_ms: float
    decode_ms: float

    @classmethod
    def of(cls, answer: Answer) -> "_Timing":
        return cls(answer.choice, answer.latency_ms, answer.features_ms, answer.selector_ms, answer.decode_ms)


# long: the order of the steps of an evaluation
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
    """Answer every sample by every policy of the bundle, by random choices, by the sceptic's, and by the oracle.

    Args:
        runtime: of the bundle; the sceptic and the oracle choose among all of its variants (see
            `compsel.evaluation.contenders.with_measured_variants` for more than a bundle holds).
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
    penalty = _checked_penalty(runtime, samples, repeats)
    samples = samples.ordered_by(runtime.bundle.labels)
    samples.say(reporter)
    samples = _labelled(runtime, samples.readable(reporter), reporter)
    n = len(samples)
    _say_what_was_learned(runtime, samples, reporter)
    correctness = correctness_of(runtime, samples, quality, reporter)
    generator = np.random.default_rng(seed)
    runtimes = _warm_runtimes(runtime)
    once = _answer_once(runtimes, samples, correctness, generator, reporter)
    static = {name: once[name] for name in runtime.bundle.variants}
    accuracy = float(once[_runs(runtime, "adaptive")].right.mean())
    # what each policy runs for each sample, by the name of its runtime
    runs = {name: [_runs(runtime, name)] * n for name in runtime.bundle.policies} | {
        "random": generator.choice([*static], n).tolist(),
        "oracle": oracle_choices(static),
    }
    near = {name: [name] * n for name in shortlist(static, accuracy)}
    timings = _time(runtimes, [*runs.values(), *near.values()], samples, generator, repeats, reporter)
    near_results = {name: _result(name, ran, timings, once) for name, ran in near.items()}
    sceptic = replace(hindsight_static(near_results, accuracy), contenders=len(static))
    runs["hindsight_static"] = near[sceptic.variant]
    results = {name: _result(name, ran, timings, once) for name, ran in runs.items()}
    if meter is not None:
        _measure_energies(results, runs, runtimes, samples, meter, reporter)
    return Evaluation(
        results,
        penalty,
        correctness.labelled,
        sceptic,
        static,
        samples.groups if samples.groups != samples.names else (),
        int(runtime.bundle.summary.get("n_samples", 0)),
        meter=None if meter is None else meter.name,
        energy_estimated=meter is not None and meter.estimated,
        certificate=_checked_certificate(runtime, once, samples),
        sizes="" if runtime.costs.by_size is None else runtime.costs.by_size.text,
    )


def _labelled(runtime: Runtime, samples: Samples, reporter: Reporter) -> Samples:
    """Return the samples with labels, where some have one and labels say what is right; say how many have none."""
    labelled = [index for index, label in enumerate(samples.labels) if label is not None]
    if not labelled or len(labelled) == len(samples) or runtime.bundle.summary.get("judging") is not None:
        return samples
    reporter.say(f"{len(samples) - len(labelled)} of {len(samples)} samples have no label: the others alone judge")
    return samples.subset(labelled)


def _say_what_was_learned(runtime: Runtime, samples: Samples, reporter: Reporter) -> None:
    """Warn where variants learned from some of the samples: answers to these say nothing of their quality."""
    learned = hashes_from_text(runtime.bundle.summary.get("learned_from", ""))
    if not len(learned):
        return
    known = int(np.isin(sample_hashes(samples), learned).sum())
    if known:
        reporter.say(
            f"warning: variants of this bundle learned from {known} of these {len(samples)} samples: they look more "
            "accurate here than they are, and so does what chooses among them; evaluate on other samples"
        )


def _checked_certificate(
    runtime: Runtime, once: Mapping[str, PolicyResult], samples: Samples
) -> CertificateCheck | None:
    """Return what the samples say about the certificate of a bundle.

    None where it has none, or is not of classes, or where the samples are not independent of each other.
    """
    content = runtime.bundle.summary.get("certificate")
    if content is None or len(set(samples.groups)) < len(samples):
        return None
    certificate = Certificate.from_dict(content)
    ours, reference = once[_runs(runtime, "adaptive")].labels, once[certificate.reference].labels
    if ours.min() < 0:
        return None
    return certificate.check(len(ours), int((ours != reference).sum()))


def _checked_penalty(runtime: Runtime, samples: Samples, repeats: int) -> float:
    """Return the cost of a wrong answer."""
    if not len(samples):
        raise SamplesError("no samples to evaluate on: give some")
    if repeats < 1:
        raise SamplesError(f"repeats: got {repeats}, allowed is 1 or more")
    penalty = runtime.bundle.summary.get("penalty_ms")
    if penalty is None:
        raise BundleError(f"{runtime.bundle.folder}: has no cost of a wrong answer (penalty_ms): build it again")
    return float(penalty)


def _warm_runtimes(runtime: Runtime) -> dict[str, Runtime]:
    """Return a runtime for each variant, and one for each policy that may change between variants."""
    policies: dict[str, Policy] = {name: FixedPolicy(name) for name in runtime.bundle.variants}
    policies |= {name: one for name, one in runtime.bundle.policies.items() if not isinstance(one, FixedPolicy)}
    runtimes = {name: runtime.with_policy(policy) for name, policy in policies.items()}
    for one in runtimes.values():
        one.warm_up()
    return runtimes


def _runs(runtime: Runtime, name: str) -> str:
    """Return what a policy runs: its one variant, where it never changes, else what it chooses, under its own name.

    A baseline that is pinned to a processor in the bundle is not pinned here: the adaptive policy moves when the
    device is busy, and what is compared is what they choose, not whether they may move.
    """
    policy = runtime.bundle.policies[name]
    return policy.variants[0] if isinstance(policy, FixedPolicy) else name


def _answer_once(
    runtimes: Mapping[str, Runtime],
    samples: Samples,
    correctness: Correctness,
    generator: np.random.Generator,
    reporter: Reporter,
) -> dict[str, PolicyResult]:
    """Answer every sample once by every runtime, block by block in random order."""
    names = list(runtimes)
    right, latency_ms = np.empty((len(names), len(samples))), np.empty((len(names), len(samples)))
    labels = np.empty((len(names), len(samples)), np.int64)
    scored = all(variant.output != "other" for variant in next(iter(runtimes.values())).bundle.variants.values())
    size = _block_size(next(iter(runtimes.values())))
    for block in _blocks(len(samples), size, reporter, f"answers of {len(names)} variants and policies"):
        sources = {index: samples.source(index) for index in block}
        for number in generator.permutation(len(names)):
            for index, source in sources.items():
                answer = answer_of(runtimes[names[number]], source, samples.names[index])
                right[number, index] = correctness.right(answer, index)
                latency_ms[number, index] = answer.latency_ms
                labels[number, index] = answer.label if scored else -1
    return {name: PolicyResult(name, right[row], latency_ms[row], labels=labels[row]) for row, name in enumerate(names)}


def _time(
    runtimes: Mapping[str, Runtime],
    runs: Sequence[Sequence[str]],
    samples: Samples,
    generator: np.random.Generator,
    repeats: int,
    reporter: Reporter,
) -> dict[str, dict[int, list[_Timing]]]:
    """Time what runs for each sample, again and again in random order; return it by what ran, and by sample."""
    timings: dict[str, dict[int, list[_Timing]]] = {name: {} for name in runtimes}
    for block in _blocks(len(samples), _block_size(next(iter(runtimes.values()))), reporter, "evaluating"):
        sources = {index: samples.source(index) for index in block}
        wanted = {name: [index for index in block if any(ran[index] == name for ran in runs)] for name in runtimes}
        names = [name for name, indices in wanted.items() if indices]
        for _ in range(repeats):
            for number in generator.permutation(len(names)):
                for index in wanted[names[number]]:
                    answer = answer_of(runtimes[names[number]], sources[index], samples.names[index])
                    timings[names[number]].setdefault(index, []).append(_Timing.of(answer))
    return timings


def _block_size(runtime: Runtime) -> int:
    """Return how many samples a policy answers in a row: a model of some microseconds needs many to warm its caches."""
    fastest_ms = float(runtime.costs.at(runtime.costs.idle).min())
    return min(max(_LEAST_BLOCK, math.ceil(_TURN_MS / fastest_ms)), _MOST_BLOCK)


def _blocks(n: int, size: int, reporter: Reporter, label: str) -> Iterator[range]:
    """Give the samples in blocks: each is answered by one policy after another, and drift hits all alike.

    Within a block a policy finds the caches as an app leaves them that runs nothing else; with one answer at a time of
    each, it would find them emptied by the others.
    """
    for index in reporter.track(range(n), label):
        if index % size == 0:
            yield range(index, min(index + size, n))


def _result(
    name: str,
    ran: Sequence[str],
    timings: Mapping[str, Mapping[int, list[_Timing]]],
    once: Mapping[str, PolicyResult],
) -> PolicyResult:
    """Join what ran for a policy: the first answer counts, and the median of the times."""
    found = [timings[key][index] for index, key in enumerate(ran)]

    def medians(figure: str) -> NDArray[np.float64]:
        return np.array([np.median([getattr(timing, figure) for timing in one]) for one in found])

    return PolicyResult(
        name,
        np.array([once[key].right[index] for index, key in enumerate(ran)]),
        medians("latency_ms"),
        Counter(one[0].choice for one in found),
        medians("features_ms"),
        medians("selector_ms"),
        decode_ms=medians("decode_ms"),
    )


def _measure_energies(
    results: Mapping[str, PolicyResult],
    runs: Mapping[str, Sequence[str]],
    runtimes: Mapping[str, Runtime],
    samples: Samples,
    meter: Meter,
    reporter: Reporter,
) -> None:
    """Set the energy of every result; policies that run the same are measured once."""
    same = {tuple(ran): name for name, ran in runs.items()}
    answering = {name: [runtimes[key] for key in ran] for ran, name in same.items()}
    energies = policy_energies(answering, samples, meter, reporter=reporter)
    for name, ran in runs.items():
        results[name].energy_mj = energies[same[tuple(ran)]]
