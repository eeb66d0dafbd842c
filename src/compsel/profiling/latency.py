"""Measure what every choice costs: latency in several states of the device, interleaved, until it is known well enough.

Real load is put on the machine by real processes. In each round every choice that is not known well enough yet runs
a few times, in a new random order, so that what drifts (frequency, temperature, neighbours) hits all alike. A choice
is done when the 95 % confidence interval of its mean is below 5 % of the mean (the criterion of the source papers), or
when the budget of the state ends. Outliers are kept: they are part of what an app lives through.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import CompselError, ProfileError
from compsel.features.device import DeviceSampler
from compsel.processors.base import Processor
from compsel.profiling.load import parse_state
from compsel.profiling.quality import silent
from compsel.profiling.tables import read_table, write_table
from compsel.samples import Samples
from compsel.variant import Engine, Variant

__all__ = ["Criterion", "measure_latency"]

_WARM_UP_RUNS = 2
_RUNS_PER_VISIT = 3
_DECODED_SAMPLES = 16


@dataclass(frozen=True, slots=True)
class Criterion:
    """When a choice is known well enough.

    Attributes:
        relative_half_width: of the 95 % confidence interval of the mean.
        min_runs: at least so many timed runs.
        max_runs: at most so many.
        budget_s: of one state, for all choices together.
    """

    relative_half_width: float = 0.05
    min_runs: int = 9
    max_runs: int = 400
    budget_s: float = 60.0

    def met(self, latencies_ms: Sequence[float]) -> bool:
        """Whether these runs are enough."""
        if len(latencies_ms) < self.min_runs:
            return False
        if len(latencies_ms) >= self.max_runs:
            return True
        half_width = 1.96 * statistics.stdev(latencies_ms) / len(latencies_ms) ** 0.5
        return half_width < self.relative_half_width * statistics.fmean(latencies_ms)


@dataclass
class _Choice:
    engine: Engine
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str]:
        return self.engine.variant.name, self.engine.processor.name


def measure_latency(
    variants: Sequence[Variant],
    processors: Sequence[Processor],
    states: Sequence[str],
    files: Path,
    samples: Samples,
    folder: Path,
    criterion: Criterion | None = None,
    progress: Callable[[Iterable[int], str], Iterable[int]] = silent,
    seed: int = 0,
) -> None:
    """Measure every variant on every processor in every state and store one table a state; known states are kept.

    Raises:
        ProfileError: a state that is not a word, or no choice that runs.
    """
    criterion = criterion or Criterion()
    wanted = {(variant.name, variant.sha256, processor.name) for variant in variants for processor in processors}
    loads = [(state, parse_state(state)) for state in states]
    if not len(samples):
        raise ProfileError("no samples to measure with")
    missing = [(state, load) for state, load in loads if not _is_known(_path(folder, state), wanted)]
    if not missing:
        return
    values = [samples.value(index) for index in samples.spread(_DECODED_SAMPLES).indices]
    choices = [_Choice(Engine(variant, files, processor)) for variant in variants for processor in processors]
    shas = {variant.name: variant.sha256 for variant in variants}
    try:
        with DeviceSampler() as sampler:
            for state, load in missing:
                with load:
                    seen = _measure_state(state, choices, values, criterion, sampler, progress, seed)
                _store(_path(folder, state), state, choices, shas, seen)
    finally:
        for choice in choices:
            choice.engine.close()


def _measure_state(
    state: str,
    choices: Sequence[_Choice],
    values: Sequence[Any],
    criterion: Criterion,
    sampler: DeviceSampler,
    progress: Callable[[Iterable[int], str], Iterable[int]],
    seed: int,
) -> float:
    """Run rounds until all choices are known; return the median of cores kept busy by other processes."""
    generator = np.random.default_rng(seed)
    loads: list[float] = []
    for choice in choices:
        choice.latencies_ms.clear()
    open_choices = list(choices)
    started = time.perf_counter()

    def rounds() -> Iterable[int]:
        number = 0
        while open_choices and time.perf_counter() - started < criterion.budget_s:
            yield number
            number += 1

    for number in progress(rounds(), f"latency, {state}"):
        for position in generator.permutation(len(open_choices)):
            _visit(open_choices[position], values, number)
            loads.append(sampler.state().load_others)
        open_choices = [choice for choice in open_choices if not criterion.met(choice.latencies_ms)]
    return float(np.median(loads))


def _visit(choice: _Choice, values: Sequence[Any], number: int) -> None:
    """Run one choice some times in a row: once to warm the caches up, then timed."""
    engine = choice.engine
    for run in range(-_WARM_UP_RUNS if number == 0 else -1, _RUNS_PER_VISIT):
        value = values[(number * _RUNS_PER_VISIT + run) % len(values)]
        begin = time.perf_counter_ns()
        engine(value)
        end = time.perf_counter_ns()
        if run >= 0:
            choice.latencies_ms.append((end - begin) / 1e6)


def _path(folder: Path, state: str) -> Path:
    return folder / "latency" / f"{state.replace(':', '-')}.parquet"


def _is_known(path: Path, wanted: set[tuple[str, str, str]]) -> bool:
    if not path.exists():
        return False
    try:
        columns, _ = read_table(path)
    except CompselError:
        return False
    return wanted <= set(zip(columns["variant"], columns["sha256"], columns["processor"], strict=True))


def _store(path: Path, state: str, choices: Sequence[_Choice], shas: Mapping[str, str], load: float) -> None:
    rows = [(*choice.key, latency) for choice in choices for latency in choice.latencies_ms]
    variants, processors, latencies = zip(*rows, strict=True)
    write_table(
        path,
        {
            "variant": list(variants),
            "sha256": [shas[name] for name in variants],
            "processor": list(processors),
            "latency_ms": np.array(latencies, np.float64),
        },
        {"state": state, "load": str(load)},
    )
