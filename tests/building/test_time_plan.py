"""What is left out to keep a time limit, in which order."""

from typing import Any, cast

import numpy as np
import pytest

from compsel.building.options import Measuring
from compsel.building.time_limit import seconds_of
from compsel.building.time_plan import TimePlan, plan_time
from compsel.device.state import DeviceState
from compsel.errors import UsageError
from compsel.inputs.samples import ArraySamples
from compsel.processors import CpuProcessor, default_cpu
from compsel.profiling.latency import Criterion, TimedChoice, time_choices
from compsel.profiling.load import standard_states

PROCESSORS = (CpuProcessor(1), default_cpu(), CpuProcessor(64, spinning=False))


@pytest.fixture
def samples() -> ArraySamples:
    return ArraySamples([0] * 600)


def plan(small_model, samples, limit, **options) -> TimePlan:
    measuring = Measuring(time_limit_s=limit, **options)
    return plan_time([small_model], samples, measuring, PROCESSORS, {small_model.name: 0.2}, meter=False)


def test_without_a_limit_all_is_measured(small_model, samples):
    whole = plan(small_model, samples, None)
    assert whole.left_out == ()
    assert whole.states == standard_states()
    assert whole.n_samples == 600
    assert whole.criterion == Criterion()
    assert plan(small_model, samples, 2 * whole.seconds) == whole


def test_the_shorter_the_limit_the_more_is_left_out(small_model, samples):
    seconds = plan(small_model, samples, None).seconds
    plans = [plan(small_model, samples, share * seconds) for share in (0.9, 0.7, 0.5, 0.3, 0.1)]
    for share, found in zip((0.9, 0.7, 0.5), plans, strict=False):
        assert found.seconds <= share * seconds
    least = plan(small_model, samples, 1.0)
    assert least.states == ("idle",)
    assert set(least.processors) == {"cpu:1", default_cpu().name}
    assert least.techniques[small_model.name] == ("none", "int8-static")
    assert least.n_samples == 100
    words = "; ".join(least.left_out)
    for left in ("s of measuring per state", "states busy:1", "processors cpu:64:nospin", "all but 100 samples"):
        assert left in words


def test_what_costs_least_goes_first(small_model, samples):
    seconds = plan(small_model, samples, None).seconds
    first = plan(small_model, samples, seconds - 1)
    assert first.left_out == ("all but 30 s of measuring per state",)


def test_what_was_asked_for_stays(small_model, samples):
    asked = {"states": ["busy:1"], "techniques": ["none", "float16", "prune"], "processors": ["cpu:64:nospin"]}
    found = plan(small_model, samples, 1.0, **asked)
    assert found.states == ("busy:1",)
    assert found.techniques[small_model.name] == ("none", "float16", "prune")
    assert len(found.processors) == len(PROCESSORS)


class SlowClock:
    """A clock that moves only when something is measured."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def perf_counter(self) -> float:
        return self.now_s

    def perf_counter_ns(self) -> int:
        return int(1e9 * self.now_s)


class NoisyEngine:
    """Takes now a tenth, now twenty times of its time: no mean of it is ever known well enough."""

    def __init__(self, clock: SlowClock, seconds: float, seed: int) -> None:
        self.clock, self.seconds, self.generator = clock, seconds, np.random.default_rng(seed)

    def __call__(self, _value: object) -> None:
        self.clock.now_s += self.seconds * float(self.generator.choice([0.1, 0.5, 1.0, 20.0], p=[0.6, 0.2, 0.17, 0.03]))


@pytest.mark.parametrize("slower", [1.0, 1.5, 2.5])
@pytest.mark.parametrize("seconds", [0.002, 0.05])
def test_a_build_whose_measurements_are_noisy_keeps_its_limit(
    small_model, samples, monkeypatch: pytest.MonkeyPatch, slower: float, seconds: float
) -> None:
    """All phases take so much longer than planned, and no latency is ever known well."""
    clock = SlowClock()
    for module in ("latency", "timed_runs"):
        monkeypatch.setattr(f"compsel.profiling.{module}.time", clock)
    measuring = Measuring(time_limit_s=600.0)
    found = plan_time([small_model], samples, measuring, PROCESSORS, {small_model.name: seconds}, meter=True)
    clock.now_s = slower * found.before_s
    found = found.within(600.0, clock.now_s)
    choices = [
        TimedChoice(cast(Any, NoisyEngine(clock, slower * seconds, seed)))
        for seed in range(found.variants * len(found.processors))
    ]
    least_s = clock.now_s + slower * found.after_s
    for _ in (*found.states, "as the model runs today"):
        time_choices(choices, [None], found.criterion, cast(Any, StillSampler()))
    clock.now_s += slower * found.after_s
    # what has to be done takes what it takes: compressing, answers, one visit to each choice
    visits_s = len(choices) * 5 * slower * seconds * (len(found.states) + 1)
    assert clock.now_s <= max(1.15 * 600.0, least_s + 1.5 * visits_s)


class StillSampler:
    """Always sees an idle device."""

    def state(self) -> DeviceState:
        return DeviceState(0, cores=2, load_others=0.0)


def test_states_are_left_out_where_the_machine_is_slower_than_planned(small_model, samples):
    measuring = Measuring(time_limit_s=600.0)
    found = plan_time([small_model], samples, measuring, PROCESSORS, {small_model.name: 0.002}, meter=False)
    assert len(found.states) > 1
    late = found.within(600.0, 590.0)
    assert late.states == ("idle",)
    assert "for the machine is slower than planned" in late.left_out[-1]
    assert late.criterion.budget_s == 1.0
    assert found.within(600.0, 590.0, asked_states=True).states == found.states
    assert found.within(60000.0, found.before_s) == found


def test_a_round_ends_where_its_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many slow choices: a whole round more would take longer than all that is left."""
    clock = SlowClock()
    for module in ("latency", "timed_runs"):
        monkeypatch.setattr(f"compsel.profiling.{module}.time", clock)
    choices = [TimedChoice(cast(Any, NoisyEngine(clock, 0.5, seed))) for seed in range(20)]
    time_choices(choices, [None], Criterion(budget_s=0.01), cast(Any, StillSampler()))
    one_round_s, clock.now_s = clock.now_s, 0.0
    time_choices(choices, [None], Criterion(budget_s=1.2 * one_round_s), cast(Any, StillSampler()))
    assert clock.now_s < 1.7 * one_round_s
    assert all(choice.latencies_ms for choice in choices)


@pytest.mark.parametrize("limit", ["", "soon", "0", "-3", "10 min soon", "1 d", float("nan"), 0, "nan"])
def test_a_limit_that_is_none_is_refused(limit):
    with pytest.raises(UsageError, match="allowed are times such as"):
        seconds_of(limit)


@pytest.mark.parametrize(
    ("limit", "seconds"), [("10 min", 600), ("1h", 3600), ("90", 90), ("1.5 h", 5400), ("2 minutes", 120), (45, 45)]
)
def test_limits_in_words(limit, seconds):
    assert seconds_of(limit) == seconds
