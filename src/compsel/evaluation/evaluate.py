"""Compare a bundle's policy with the baselines, the sceptic's choice and the oracle: one run, on the real runtime.

First every variant of the bundle, and every policy that may change between them, answers every sample once: who is
right, what a sceptic might ship, and what the oracle chooses. Then whatever a policy runs for a sample is timed,
interleaved by blocks of some samples, in a new random order each time: drift of the device hits all alike. Whoever runs
the same variant runs it in the same way, placed where it is cheapest now, and is timed once: a choice compared with
itself is 1.0. Latencies are end to end: from what an app holds, such as the bytes of a file, to the answer, with
decoding, preprocessing, features, selector and every stage.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from compsel.device.energy import Meter
from compsel.errors import BundleError, ProfileError, SamplesError
from compsel.evaluation.correctness import correctness_of
from compsel.evaluation.current import CURRENT, current_runtime, judged_by, sizes_mb
from compsel.evaluation.detail import detail_of
from compsel.evaluation.first_answers import answer_once
from compsel.evaluation.policy_energy import policy_energies
from compsel.evaluation.results import Evaluation, PolicyResult
from compsel.evaluation.timing import joined, time_runs
from compsel.inputs.samples import Samples
from compsel.profiling.label_check import check_labels
from compsel.profiling.output_quality import Quality
from compsel.progress import SILENT, Reporter
from compsel.runtime.runtime import Runtime
from compsel.selection.certificate.certificate import Certificate, CertificateCheck
from compsel.selection.judging.hindsight import hindsight_static, oracle_choices, shortlist
from compsel.selection.policies import FixedPolicy, Policy
from compsel.techniques.heads.folds import sample_hashes
from compsel.techniques.heads.learned import hashes_from_text

__all__ = ["evaluate"]


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
    if runtime.bundle.summary.get("judging") is None:
        samples.check_classes()
    samples.say(reporter)
    samples = _labelled(runtime, samples.readable(reporter), reporter)
    n = len(samples)
    _say_what_was_learned(runtime, samples, reporter)
    correctness = correctness_of(runtime, samples, quality, reporter)
    generator = np.random.default_rng(seed)
    runtimes = _warm_runtimes(runtime)
    first = answer_once(runtimes, samples, correctness, generator, reporter)
    once = first.results
    static = {name: once[name] for name in runtime.bundle.variants}
    _doubt_labels(static, samples, runtime, reporter)
    accuracy = float(once[_runs(runtime, "adaptive")].right.mean())
    # what each policy runs for each sample, by the name of its runtime
    runs = {name: [_runs(runtime, name)] * n for name in runtime.bundle.policies} | {
        "random": generator.choice([*static], n).tolist(),
        "oracle": oracle_choices(static),
    }
    # what a sceptic may ship follows the rule by which a build decides
    price = None if runtime.bundle.objective.has_floor else penalty
    near = {name: [name] * n for name in shortlist(static, accuracy, price)}
    with current_runtime(runtime) as current:
        if current is not None:
            runtimes[CURRENT] = current
            once[CURRENT] = once[next(iter(current.bundle.variants))]
            runs[CURRENT] = [CURRENT] * n
        timings = time_runs(runtimes, [*runs.values(), *near.values()], samples, generator, repeats, reporter)
        near_results = {name: joined(name, ran, timings, once) for name, ran in near.items()}
        sceptic = replace(hindsight_static(near_results, accuracy, price), contenders=len(static))
        runs["hindsight_static"] = near[sceptic.variant]
        results = {name: joined(name, ran, timings, once) for name, ran in runs.items()}
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
        bundle=str(runtime.bundle.folder),
        size_mb=sizes_mb(runtime.bundle),
        judged_by=judged_by(runtime.bundle, labelled=correctness.labelled),
        by_cost=price is not None,
        left_out=_left_out(runtime, results),
        sizes="" if runtime.costs.by_size is None else runtime.costs.by_size.text,
        detail=detail_of(runtime, samples, correctness, first, results["adaptive"]),
    )


def _left_out(runtime: Runtime, results: Mapping[str, PolicyResult]) -> tuple[str, ...]:
    """Return the names of the baselines of the build that are not here, the model as it runs today first."""
    if CURRENT in results or "most_accurate" not in runtime.bundle.baselines:
        return tuple(runtime.bundle.baselines)
    return (CURRENT, *runtime.bundle.baselines)


def _labelled(runtime: Runtime, samples: Samples, reporter: Reporter) -> Samples:
    """Return the samples with labels, where some have one and labels say what is right; say how many have none."""
    labelled = [index for index, label in enumerate(samples.labels) if label is not None]
    if not labelled or len(labelled) == len(samples) or runtime.bundle.summary.get("judging") is not None:
        return samples
    reporter.say(f"{len(samples) - len(labelled)} of {len(samples)} samples have no label: the others alone judge")
    return samples.subset(labelled)


def _doubt_labels(static: Mapping[str, PolicyResult], samples: Samples, runtime: Runtime, reporter: Reporter) -> None:
    """Warn where no variant predicts the labels better than guessing: then they are in another order, or of others."""
    labels = np.array([-1 if label is None else label for label in samples.labels], np.int64)
    answers = {name: result.labels for name, result in static.items() if len(result.labels) == len(labels)}
    if not answers or labels.min(initial=0) < 0 or any(one.min(initial=0) < 0 for one in answers.values()):
        return
    n_classes = len(runtime.bundle.labels) or 1 + max(int(one.max()) for one in (labels, *answers.values()))
    try:
        doubt = check_labels(labels, answers, n_classes, ())
    except ProfileError as error:
        doubt = str(error)
    if doubt:
        reporter.say(f"warning: labels: {doubt}")


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
