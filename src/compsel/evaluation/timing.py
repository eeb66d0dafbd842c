"""Time what policies run: interleaved by blocks of some samples, in a new random order each time."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.evaluation.correctness import answer_of
from compsel.evaluation.results import PolicyResult
from compsel.inputs.samples import Samples
from compsel.progress import Reporter
from compsel.runtime.answer import Answer
from compsel.runtime.runtime import Runtime

__all__ = ["Timing", "block_size", "blocks", "joined", "time_runs"]

# samples in a block: so many that the fastest variant runs for about so long, within these numbers
_TURN_MS, _LEAST_BLOCK, _MOST_BLOCK = 20.0, 10, 500


@dataclass(frozen=True, slots=True)
class Timing:
    """What is kept of one answer; the outputs of all would fill the memory.

    >>> Timing("net/none@cpu:1", 2.0, 0.0, 0.1, 0.3, (("net/none", 1.6),)).stages_ms[0][0]
    'net/none'
    """

    choice: str
    latency_ms: float
    features_ms: float
    selector_ms: float
    decode_ms: float
    stages_ms: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, answer: Answer) -> "Timing":
        """Return what is kept."""
        stages = tuple((stage.variant, stage.latency_ms) for stage in answer.stages)
        return cls(answer.choice, answer.latency_ms, answer.features_ms, answer.selector_ms, answer.decode_ms, stages)


Timings = Mapping[str, Mapping[int, list[Timing]]]


# many parameters: what is timed, on what, how, and who hears of it; none belongs to another
def time_runs(
    runtimes: Mapping[str, Runtime],
    runs: Sequence[Sequence[str]],
    samples: Samples,
    generator: np.random.Generator,
    repeats: int,
    reporter: Reporter,
) -> Timings:
    """Time what runs for each sample, again and again in random order; return it by what ran, and by sample."""
    timings: dict[str, dict[int, list[Timing]]] = {name: {} for name in runtimes}
    for block in blocks(len(samples), block_size(next(iter(runtimes.values()))), reporter, "evaluating"):
        sources = {index: samples.source(index) for index in block}
        wanted = {name: [index for index in block if any(ran[index] == name for ran in runs)] for name in runtimes}
        names = [name for name, indices in wanted.items() if indices]
        for _ in range(repeats):
            for number in generator.permutation(len(names)):
                for index in wanted[names[number]]:
                    answer = answer_of(runtimes[names[number]], sources[index], samples.names[index])
                    timings[names[number]].setdefault(index, []).append(Timing.of(answer))
    return timings


def block_size(runtime: Runtime) -> int:
    """Return how many samples a policy answers in a row: a model of some microseconds needs many to warm its caches."""
    fastest_ms = float(runtime.costs.at(runtime.costs.idle).min())
    return min(max(_LEAST_BLOCK, math.ceil(_TURN_MS / fastest_ms)), _MOST_BLOCK)


def blocks(n: int, size: int, reporter: Reporter, label: str) -> Iterator[range]:
    """Give the samples in blocks: each is answered by one policy after another, and drift hits all alike.

    Within a block a policy finds the caches as an app leaves them that runs nothing else; with one answer at a time of
    each, it would find them emptied by the others.
    """
    for index in reporter.track(range(n), label):
        if index % size == 0:
            yield range(index, min(index + size, n))


def joined(name: str, ran: Sequence[str], timings: Timings, once: Mapping[str, PolicyResult]) -> PolicyResult:
    """Join what ran for a policy: the first answer counts, and the median of the times.

    Args:
        name: of the policy.
        ran: (n,), what ran for each sample.
        timings: what `time_runs` gave.
        once: by what ran, its first answers.
    """
    found = [timings[key][index] for index, key in enumerate(ran)]

    def medians(figure: str) -> NDArray[np.float64]:
        return np.array([np.median([getattr(timing, figure) for timing in one]) for one in found])

    stages_ms: dict[str, float] = {}
    for one in found:
        for timing in one:
            for variant, latency_ms in timing.stages_ms:
                stages_ms[variant] = stages_ms.get(variant, 0.0) + latency_ms / len(one) / len(found)
    alike = {*ran}
    only = once[alike.pop()] if len(alike) == 1 else None
    return PolicyResult(
        name,
        np.array([once[key].right[index] for index, key in enumerate(ran)]),
        medians("latency_ms"),
        Counter(one[0].choice for one in found),
        medians("features_ms"),
        medians("selector_ms"),
        decode_ms=medians("decode_ms"),
        stages_ms=stages_ms,
        labels=np.empty(0, np.int64) if only is None else only.labels,
        confidence=np.empty(0) if only is None else only.confidence,
        ways=tuple(" > ".join(variant for variant, _ in one[0].stages_ms) for one in found),
    )
