"""The first answer of every variant and policy to every sample: who is right, how sure, and what the variants said."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from compsel.evaluation.correctness import Correctness, answer_of
from compsel.evaluation.results import PolicyResult
from compsel.evaluation.timing import block_size, blocks
from compsel.features.fusion import Evidence, read_evidence, stack_evidence
from compsel.features.tasks.scores import class_probabilities
from compsel.inputs.samples import Samples
from compsel.progress import Reporter
from compsel.runtime.answer import Answer
from compsel.runtime.runtime import Runtime

__all__ = ["FirstAnswers", "answer_once"]


@dataclass(frozen=True)
class FirstAnswers:
    """What was said.

    Attributes:
        results: by what ran.
        evidence: by variant that gives class scores, its most probable classes for each sample.

    >>> FirstAnswers({}, {}).evidence
    {}
    """

    results: dict[str, PolicyResult]
    evidence: Mapping[str, Evidence]


def answer_once(
    runtimes: Mapping[str, Runtime],
    samples: Samples,
    correctness: Correctness,
    generator: np.random.Generator,
    reporter: Reporter,
) -> FirstAnswers:
    """Answer every sample once by every runtime, block by block in random order."""
    names, shape = list(runtimes), (len(runtimes), len(samples))
    right, latency_ms, confidence, labels = np.empty(shape), np.empty(shape), np.empty(shape), np.empty(shape, np.int64)
    variants = next(iter(runtimes.values())).bundle.variants
    scored = all(variant.output != "other" for variant in variants.values())
    said: dict[str, dict[int, Evidence]] = {name: {} for name in variants if scored}
    size = block_size(next(iter(runtimes.values())))
    for block in blocks(len(samples), size, reporter, f"answers of {len(names)} variants and policies"):
        sources = {index: samples.source(index) for index in block}
        for number in generator.permutation(len(names)):
            for index, source in sources.items():
                answer = answer_of(runtimes[names[number]], source, samples.names[index])
                right[number, index] = correctness.right(answer, index)
                latency_ms[number, index] = answer.latency_ms
                labels[number, index] = answer.label if scored else -1
                evidence = _evidence(answer, variants[answer.stages[-1].variant].output) if scored else None
                confidence[number, index] = _confidence(answer, evidence)
                if evidence is not None and names[number] in said:
                    said[names[number]][index] = evidence
    results = {
        name: PolicyResult(name, right[row], latency_ms[row], labels=labels[row], confidence=confidence[row])
        for row, name in enumerate(names)
    }
    whole = {name: found for name, found in said.items() if len(found) == len(samples)}
    return FirstAnswers(
        results, {name: stack_evidence([found[index] for index in sorted(found)]) for name, found in whole.items()}
    )


def _evidence(answer: Answer, output: str) -> Evidence | None:
    probabilities = class_probabilities(answer.outputs[0], output)
    return None if probabilities is None else read_evidence(probabilities)


def _confidence(answer: Answer, evidence: Evidence | None) -> float:
    """Return how sure an answer is: what the policy says of it, else its most probable class; NaN: nothing says it."""
    sure = answer.stages[-1].probability_right
    if sure is not None:
        return float(sure)
    return float("nan") if evidence is None else float(evidence.probabilities[0, 0])
