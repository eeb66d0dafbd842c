"""Measure the latency of every choice in several states of the device, interleaved, to a stated precision.

Real load is put on the machine by real processes. In each round every choice that is not known well enough yet runs
a few times, in a new random order, so that what drifts (frequency, temperature, neighbours) hits all alike. A choice
is done when the 95 % confidence interval of its mean is below 5 % of the mean (the criterion of the source papers), or
when the budget of the state ends. Outliers are kept: they are part of what an app lives through.
"""

import json
import math
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from compsel.device.sampler import DeviceSampler, DeviceState
from compsel.errors import InputError, ModelError, ProcessorError, ProfileError
from compsel.inputs.samples import Samples
from compsel.profiling.choices import Choices
from compsel.profiling.latency_table import RUNS_PER_VISIT, latency_path, sizes_in, write_latency
from compsel.profiling.load import parse_state, soak_minutes
from compsel.profiling.partial_placement import placement_text
from compsel.profiling.sizes import InputsOfSize, MeasuredSizes, choose_sizes
from compsel.profiling.tables import device_text
from compsel.profiling.timed_runs import timed_runs
from compsel.progress import SILENT, Reporter
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant

__all__ = ["Criterion", "TimedChoice", "device_numbers", "measure_latency", "time_choices"]

_WARM_UP_RUNS = 2


@dataclass(frozen=True, slots=True)
class Criterion:
    """Stopping rule: when the mean latency of a choice is known well enough.

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
    """A loaded variant on a processor, and how long its timed runs took; `inputs` of its own, where it has them.

    >>> round(TimedChoice(engine=None, latencies_ms=[4.0, 4.0, 4.0, 5.0, 5.0, 5.0]).deviation(), 3)
    0.111
    """

    engine: Engine
    latencies_ms: list[float] = field(default_factory=list)
    inputs: InputsOfSize | None = None

    @property
    def size(self) -> float:
        """Size of the inputs that it runs on; NaN where it plays no role."""
        return math.nan if self.inputs is None else self.inputs.size

    @property
    def key(self) -> tuple[str, str]:
        """Names of variant and processor."""
        return self.engine.variant.name, self.engine.processor.name

    def deviation(self) -> float:
        """Return the standard error of the logarithm of the mean.

        Runs of one visit are correlated (beside competing threads, by where the scheduler put them), visits are not.
        """
        visits = np.reshape(self.latencies_ms, (-1, RUNS_PER_VISIT)).mean(axis=1)
        parts = visits if len(visits) > 1 else np.array(self.latencies_ms)
        return float(parts.std(ddof=1) / parts.mean() / len(parts) ** 0.5)


def measure_latency(
    choices: Choices,
    states: Sequence[str],
    samples: Samples,
    folder: Path,
    criterion: Criterion | None = None,
    reporter: Reporter = SILENT,
    seed: int = 0,
) -> None:
    """Measure every choice in every state and store one table a state.

    Where latency depends on the size of the input it is measured at several sizes, see `compsel.profiling.sizes`. A
    state is kept where this device measured all of these choices in it already, with the same files. "soak:MINUTES"
    makes two tables: the burst before running for so long, and what is sustained after it.

    Args:
        choices: what to measure.
        states: words such as "idle" and "busy:1".
        samples: up to 16 of a size are run in turn.
        folder: of the profile.
        criterion: when a choice is known well enough; None: that of the source papers.
        reporter: of progress.
        seed: of the order in which choices run.

    Raises:
        ProfileError: a state that is not a word, no choice, or no samples.
    """
    criterion = criterion or Criterion()
    loads = [(state, parse_state(state)) for state in states]
    if not len(samples):
        raise ProfileError("no samples to measure with")
    if not len(choices):
        raise ProfileError("no choices to measure: give variants and processors")
    device = {"device": device_text()}
    sizes = _sizes(choices, [latency_path(folder, state) for state in states], samples)
    wanted = {**device, **sizes.metadata}
    missing = [(state, load) for state, load in loads if not choices.are_in(latency_path(folder, state), wanted)]
    if not missing:
        return
    engines: list[Engine] = []
    try:
        for variant, processor in choices:
            engines.append(Engine(variant, choices.files, processor))
        timed = _timed(engines, sizes)
        placed = placement_text(engines)
        with DeviceSampler() as sampler:
            for state, load in missing:
                with load:
                    for name in _phases(state, engines, sizes.usual.values, reporter):
                        label = f"latency, {name}"
                        seen = _seen(time_choices(timed, [], criterion, sampler, reporter, label, seed))
                        write_latency(folder, name, _rows(timed), {**wanted, **seen, **placed})
    finally:
        for engine in engines:
            engine.close()


def _sizes(choices: Choices, paths: Sequence[Path], samples: Samples) -> MeasuredSizes:
    """Return the sizes to measure at; those of a state that was measured already, where they serve."""
    measured = next((sizes for path in paths if (sizes := sizes_in(path)) is not None), None)
    return choose_sizes(choices.variants, samples, measured)


def _timed(engines: Sequence[Engine], sizes: MeasuredSizes) -> list[TimedChoice]:
    """Return what to time: every choice on the usual inputs, and every one, or the smallest, on those of other sizes.

    A size is left out where inputs were made for it, which stand last, and a variant does not run on them.
    """
    timed = [TimedChoice(engine, inputs=sizes.usual) for engine in engines]
    if not engines:
        return timed
    chosen = engines if sizes.all_choices else [min(engines, key=lambda engine: engine.variant.size_bytes)]
    for inputs in sizes.others:
        if all(_runs(engine, inputs.values[-1]) for engine in chosen):
            timed += [TimedChoice(engine, inputs=inputs) for engine in chosen]
    return timed


def _runs(engine: Engine, value: Any) -> bool:
    try:
        engine(value)
    except (InputError, ModelError, ProcessorError):
        return False
    return True


def _rows(timed: Sequence[TimedChoice]) -> list[tuple[Variant, str, float, float]]:
    return [
        (choice.engine.variant, choice.engine.processor.name, latency_ms, choice.size)
        for choice in timed
        for latency_ms in choice.latencies_ms
    ]


def _seen(states: Sequence[DeviceState]) -> dict[str, str]:
    """Return what the sampler saw, as metadata of the table."""
    numbers = device_numbers(states)
    return {"load": str(numbers["load_others"]), "device_state": json.dumps(numbers)}


def _phases(state: str, engines: Sequence[Engine], values: Sequence[Any], reporter: Reporter) -> Iterator[str]:
    """Yield the states to measure now: of a soak, the burst before it and then what is sustained."""
    minutes = soak_minutes(state)
    if minutes:
        yield f"{state}:burst"
        end = time.perf_counter() + 60 * minutes
        for second in reporter.track(range(math.ceil(60 * minutes)), f"warming up, {state}"):
            until = min(end, end - 60 * minutes + second + 1)
            while time.perf_counter() < until:
                for engine in engines:
                    engine(values[second % len(values)])
    yield state


def time_choices(
    choices: Sequence[TimedChoice],
    values: Sequence[Any],
    criterion: Criterion,
    sampler: DeviceSampler,
    reporter: Reporter = SILENT,
    label: str = "latency",
    seed: int = 0,
) -> list[DeviceState]:
    """Run rounds until all choices are known well enough, or the budget is spent; earlier latencies are dropped.

    Args:
        choices: what to time; their `latencies_ms` are filled.
        values: inputs, taken in turn by choices without any of their own.
        criterion: when a choice is known well enough.
        sampler: of the device's state.
        reporter: of progress.
        label: what the loop is called there.
        seed: of the order within the rounds.

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
            # a round of many slow choices may be longer than what is left
            if number and time.perf_counter() - started >= criterion.budget_s:
                break
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
    """Run one choice some times in a row, after a longer warm-up in its first visit."""
    warm_up_runs = _WARM_UP_RUNS if number == 0 else 1
    values = values if choice.inputs is None else choice.inputs.values
    choice.latencies_ms += timed_runs(choice.engine, values, number, RUNS_PER_VISIT, warm_up_runs)
