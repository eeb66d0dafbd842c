"""What is left out to keep a time limit, in which order."""

import pytest

from compsel.building.options import Measuring
from compsel.building.time_limit import seconds_of
from compsel.building.time_plan import TimePlan, plan_time
from compsel.errors import UsageError
from compsel.inputs.samples import ArraySamples
from compsel.processors import CpuProcessor, default_cpu
from compsel.profiling.latency import Criterion
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


@pytest.mark.parametrize("limit", ["", "soon", "0", "-3", "10 min soon", "1 d", float("nan"), 0, "nan"])
def test_a_limit_that_is_none_is_refused(limit):
    with pytest.raises(UsageError, match="allowed are times such as"):
        seconds_of(limit)


@pytest.mark.parametrize(
    ("limit", "seconds"), [("10 min", 600), ("1h", 3600), ("90", 90), ("1.5 h", 5400), ("2 minutes", 120), (45, 45)]
)
def test_limits_in_words(limit, seconds):
    assert seconds_of(limit) == seconds
