"""Measure what every choice costs: latency in several states of the device, interleaved, until it is known well enough.

Real load is put on the machine by real processes. In each round every choice that is not known well enough yet runs
a few times, in a new random order, so that what drifts (frequency, temperature, neighbours) hits all alike. A choice
is done when the 95 % confidence interval of its mean is below 5 % of the mean (the criterion of the source papers), or
when the budget of the state ends. Outliers are kept: they are part of what an app lives through.
"""

import json
import math
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compsel.device.sampler import DeviceSampler, DeviceState
from compsel.errors import ProfileError
from compsel.inputs.samples import Samples
from compsel.processors.base import Processor
from compsel.profiling.load import parse_state, soak_minutes
from compsel.profiling.partial_placement import placement_text
from compsel.profiling.profile import device_text, read_table, write_table
from compsel.progress import SILENT, Reporter
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant

__all__ = ["Criterion", "TimedChoice", "device_numbers", "measure_latency", "time_choices"]

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
        budget_s: of one state, for all choices together; each choice is visited at least once.

    Raises:
        ProfileError: figures that no measurement can meet.

    >>> Criterion(min_runs=3).met([5.0, 5.1, 4.9])
    True
    >>> Criterion(min_runs=3).met([5.0, 9.0, 1.0])
    False
    """

    relative_half_width: float = 0.05
    min_runs: int = 9
    max_runs: int = 400
    budget_s: float = 60.0

    def __post_init__(self) -> None:
        if not (self.relative_half_width > 0 and self.budget_s > 0 and 2 <= self.min_runs <= self.max_runs):
            raise ProfileError(
                f"got {self}, allowed are relative_half_width and budget_s above 0, 2 <= min_runs <= max_runs"
            )

    def met(self, latencies_ms: Sequence[float]) -> bool:
        """Whether these runs are enough."""
        if len(latencies_ms) < self.min_runs:
            return False
        if len(latencies_ms) >= self.max_runs:
            return True
        half_width = 1.96 * statistics.stdev(latencies_ms) / len(latencies_ms) ** 0.5
        return bool(half_width < self.relative_half_width * statistics.fmean(latencies_ms))


@dataclass
class TimedChoice:
    """A loaded variant on a processor, and how long its timed runs took.

    >>> round(TimedChoice(engine=None, latencies_ms=[4.0, 4.0, 4.0, 5.0, 5.0, 5.0]).deviation(), 3)
    0.111
    """

    engine: Engine
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str]:
        """Names of variant and processor."""
        return self.engine.variant.name, self.engine.processor.name

    def deviation(self) -> float:
        """Return how unsure the logarithm of the mean is, as a standard deviation.

        Runs of one visit hang together (beside competing threads by where the scheduler put them), visits do not.
        """
        visits = np.reshape(self.latencies_ms, (-1, _RUNS_PER_VISIT)).mean(axis=1)
        parts = visits if len(visits) > 1 else np.array(self.latencies_ms)
        return float(parts.std(ddof=1) / parts.mean() / len(parts) ** 0.5)


def measure_latency(
    variants: Sequence[Variant],
    processors: Sequence[Processor],
    states: Sequence[str],
    files: Path,
    samples: Samples,
    folder: Path,
    criterion: Criterion | None = None,
    reporter: Reporter = SILENT,
    seed: int = 0,
) -> None:
    """Measure every variant on every processor in every state and store one table a state.

    A state is kept where this device measured all of these choices in it already, with the same files. "soak:MINUTES"
    makes two tables: the burst before running for so long, and what is sustained after it.

    Raises:
        ProfileError: a state that is not a word, or no choice that runs.
    """
    criterion = criterion or Criterion()
    wanted = {(variant.name, variant.sha256, processor.name) for variant in variants for processor in processors}
    loads = [(state, parse_state(state)) for state in states]
    if not len(samples):
        raise ProfileError("no samples to measure with")
    if not wanted:
        raise ProfileError("no choices to measure: give variants and processors")
    device = device_text()
    missing = [(state, load) for state, load in loads if not _is_known(_path(folder, state), wanted, device)]
    if not missing:
        return
    values = [samples.value(index) for index in samples.spread(_DECODED_SAMPLES).indices]
    shas = {variant.name: variant.sha256 for variant in variants}
    choices: list[TimedChoice] = []
    try:
        for variant in variants:
            choices += [TimedChoice(Engine(variant, files, processor)) for processor in processors]
        placed = placement_text(choice.engine for choice in choices)
        with DeviceSampler() as sampler:
            for state, load in missing:
                with load:
                    for name in _phases(state, choices, values, reporter):
                        seen = _measure_state(name, choices, values, criterion, sampler, reporter, seed)
                        rows = [(*choice.key, latency) for choice in choices for latency in choice.latencies_ms]
                        _store(_path(folder, name), rows, shas, {"state": name, "device": device, **seen, **placed})
    finally:
        for choice in choices:
            choice.engine.close()


def _phases(state: str, choices: Sequence[TimedChoice], values: Sequence[Any], reporter: Reporter) -> Iterator[str]:
    """Yield the states to measure now: of a soak, the burst before it and then what is sustained."""
    minutes = soak_minutes(state)
    if minutes:
        yield f"{state}:burst"
        end = time.perf_counter() + 60 * minutes
        for second in reporter.track(range(math.ceil(60 * minutes)), f"warming up, {state}"):
            until = min(end, end - 60 * minutes + second + 1)
            while time.perf_counter() < until:
                for choice in choices:
                    choice.engine(values[second % len(values)])
    yield state


def _measure_state(
    state: str,
    choices: Sequence[TimedChoice],
    values: Sequence[Any],
    criterion: Criterion,
    sampler: DeviceSampler,
    reporter: Reporter,
    seed: int,
) -> dict[str, str]:
    """Time the choices; return what the sampler saw meanwhile, as metadata of the table."""
    numbers = device_numbers(time_choices(choices, values, criterion, sampler, reporter, f"latency, {state}", seed))
    return {"load": str(numbers["load_others"]), "device_state": json.dumps(numbers)}


def time_choices(
    choices: Sequence[TimedChoice],
    values: Sequence[Any],
    criterion: Criterion,
    sampler: DeviceSampler,
    reporter: Reporter = SILENT,
    label: str = "latency",
    seed: int = 0,
) -> list[DeviceState]:
    """Run rounds until all choices are known well enough, or the budget is spent; what was known is forgotten.

    Returns:
        The states of the device, one for each visit to a choice.
    """
    generator = np.random.default_rng(seed)
    states: list[DeviceState] = []
    for choice in choices:
        choice.latencies_ms.clear()
    open_choices = list(choices)
    started = time.perf_counter()

    def rounds() -> Iterable[int]:
        number = 0
        while open_choices and (number == 0 or time.perf_counter() - started < criterion.budget_s):
            yield number
            number += 1

    for number in reporter.track(rounds(), label):
        for position in generator.permutation(len(open_choices)):
            _visit(open_choices[position], values, number)
            states.append(sampler.state())
        open_choices = [choice for choice in open_choices if not criterion.met(choice.latencies_ms)]
    return states


def device_numbers(states: Sequence[DeviceState]) -> dict[str, float]:
    """Return the median of every number that these states know, by name.

    >>> device_numbers([DeviceState(0, cores=2, load_others=load) for load in (0.0, 1.0, 1.0)])
    {'cores': 2.0, 'load_others': 1.0}
    """
    columns = {
        name: [value for state in states if isinstance(value := getattr(state, name), (int, float))]
        for name in DeviceState.__slots__
        if name != "time_ns"
    }
    medians = {name: float(np.median(values)) for name, values in columns.items() if values}
    return {name: value for name, value in medians.items() if math.isfinite(value)}


def _visit(choice: TimedChoice, values: Sequence[Any], number: int) -> None:
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


def _is_known(path: Path, wanted: set[tuple[str, str, str]], device: str) -> bool:
    if not path.exists():
        return False
    try:
        columns, metadata = read_table(path)
    except ProfileError:
        return False
    if metadata.get("device") != device or not {"variant", "sha256", "processor"} <= columns.keys():
        return False
    return wanted <= set(zip(columns["variant"], columns["sha256"], columns["processor"], strict=True))


def _store(
    path: Path, rows: Sequence[tuple[str, str, float]], shas: Mapping[str, str], metadata: Mapping[str, str]
) -> None:
    variants, processors, latencies = zip(*rows, strict=True)
    write_table(
        path,
        {
            "variant": list(variants),
            "sha256": [shas[name] for name in variants],
            "processor": list(processors),
            "latency_ms": np.array(latencies, np.float64),
        },
        metadata,
    )
