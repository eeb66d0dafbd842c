"""Latency corrections, quarantine, exploration; and a runtime whose processors are wrong, slow or broken by script."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.device.sampler import DeviceSampler
from compsel.errors import BundleError, InputError, ModelError, ProcessorError
from compsel.inputs.samples import ArraySamples
from compsel.runtime import Runtime
from compsel.runtime.adaptation.exploration import Explorer
from compsel.runtime.adaptation.latency_correction import LatencyCorrections
from compsel.runtime.adaptation.observations import Observations
from compsel.runtime.answer import Stage
from compsel.runtime.faults.quarantine import Quarantine
from compsel.selection.costs.model import CostModel
from tests.runtime.conftest import Clock, StartScripted

# real time, or real load, is what is looked at: nothing runs beside
pytestmark = pytest.mark.clock

CHOICES = (("a", "cpu:1"), ("b", "cpu:1"), ("a", "cpu:2"))
HERE, ELSEWHERE = (0.0, 0.0), (1.1, 1.6)


def observe(corrections: LatencyCorrections, choice: int, ratio: float, times: int = 1) -> None:
    for _ in range(times):
        corrections.observe(choice, 4.0, 4.0 * ratio, HERE)


@given(st.floats(0.05, 20.0))
def test_a_wrong_profile_is_mended_within_ten_inferences(ratio: float) -> None:
    corrections = LatencyCorrections(CHOICES, Clock())
    observe(corrections, 0, ratio, 10)
    found = corrections.factors()
    assert found[0] == pytest.approx(ratio, rel=0.1)
    assert found[1] == pytest.approx(ratio, rel=0.1), "the same processor"
    shared = found[2] if ratio > 1 else 1 / found[2]
    assert 1.0 <= shared < max(ratio, 1 / ratio) ** 0.6 + 0.01, "half of it is believed of another one, for a while"


def test_one_outlier_moves_hardly_anything(clock: Clock) -> None:
    corrections = LatencyCorrections(CHOICES, clock)
    observe(corrections, 0, 50.0)
    assert corrections.factors()[0] < 1.15
    observe(corrections, 0, 1.0, 8)
    observe(corrections, 0, 0.01)
    assert corrections.factors()[0] == pytest.approx(1.0, abs=0.15)


def test_a_change_of_level_is_followed_within_eight_inferences(clock: Clock) -> None:
    corrections = LatencyCorrections(CHOICES, clock)
    observe(corrections, 0, 1.0, 20)
    observe(corrections, 0, 3.0, 8)
    assert corrections.factors()[0] == pytest.approx(3.0, rel=0.2)


def test_corrections_fade_with_time_but_what_lasts_stays_longer(clock: Clock) -> None:
    corrections = LatencyCorrections(CHOICES, clock)
    observe(corrections, 0, 3.0, 60)
    clock.now_s += 120
    corrections.move(HERE)
    assert 1.5 < corrections.factors()[0] < 3.1
    brief = LatencyCorrections(CHOICES, clock)
    observe(brief, 0, 3.0, 3)
    clock.now_s += 120
    brief.move(HERE)
    assert brief.factors()[0] < 1.3


def test_corrections_of_another_state_wait_until_it_is_back(clock: Clock) -> None:
    corrections = LatencyCorrections(CHOICES, clock)
    observe(corrections, 0, 3.0, 5)
    corrections.move(ELSEWHERE)
    assert corrections.factors()[0] < 1.4
    corrections.move(HERE)
    assert corrections.factors()[0] == pytest.approx(3.0, rel=0.2)


def test_the_other_processors_are_no_better_off_on_a_device_that_is_slower_than_it_seems(clock: Clock) -> None:
    corrections = LatencyCorrections(CHOICES, clock)
    observe(corrections, 0, 2.0, 5)
    assert 1.2 < corrections.factors()[2] < 1.5
    clock.now_s += 20
    corrections.move(HERE)
    assert corrections.factors()[2] < 1.02


def test_a_choice_is_corrected_weakly(clock: Clock) -> None:
    corrections = LatencyCorrections(CHOICES, clock)
    for _ in range(40):
        observe(corrections, 0, 2.0)
        observe(corrections, 1, 1.0)
    assert 1.2 < corrections.factors()[0] / corrections.factors()[1] <= 2.1


def test_a_clock_that_jumps_back_leaves_nothing_in_quarantine_for_long(clock: Clock) -> None:
    quarantine = Quarantine(clock)
    clock.now_s += 3600.0
    quarantine.fail("cuda:0")
    clock.now_s += 1.0
    quarantine.fail("cuda:0")
    assert quarantine.blocked()
    clock.now_s -= 3600.0
    assert not quarantine.blocked()


def test_quarantine_doubles_and_ends_with_success(clock: Clock) -> None:
    quarantine = Quarantine(clock)
    assert not quarantine.blocked()
    assert [quarantine.fail("cuda:0") for _ in range(12)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]
    assert quarantine.blocked() == {"cuda:0"}
    clock.now_s += 601
    assert not quarantine.blocked(), "it may be tried again"
    assert quarantine.fail("cuda:0") == 600
    quarantine.succeed("a", "cuda:0")
    assert not quarantine.blocked()
    assert quarantine.fail("cuda:0") == 1


def test_trials_cost_no_more_than_their_share() -> None:
    costs = CostModel(CHOICES, np.zeros((1, 1)), np.array([[4.0, 8.0, 5.0]]), np.array([[5.0, 9.0, 6.0]]))
    observations = Observations(costs, adapt=True, explore=0.05)
    explorer, corrections = Explorer(0.05), observations.corrections
    assert corrections is not None
    spent, total, trials = 0.0, 0.0, 0
    for _ in range(200):
        costs = observations.live.at(0.0)
        processor = explorer.processor("a", "cpu:1", costs, observations.live, corrections)
        latency = {"cpu:1": 4.0, "cpu:2": 9.0}[processor]  # worse than expected: 5.0
        explorer.account(latency, 4.0, trial=processor != "cpu:1")
        trials += processor != "cpu:1"
        spent, total = spent + latency - 4.0, total + latency
    assert trials > 2
    assert spent <= 0.05 * total + 5.0


def test_trials_find_a_processor_that_became_fast(clock: Clock) -> None:
    table_ms = np.array([[4.0, 8.0, 6.0]])
    observations = Observations(CostModel(CHOICES, np.zeros((1, 1)), table_ms, table_ms), adapt=True, explore=0.05)
    observations.corrections = observations.live.corrections = LatencyCorrections(CHOICES, clock)
    latency_ms, best, trials = {"cpu:1": 4.0, "cpu:2": 2.0}, "cpu:1", []
    for _ in range(300):
        clock.now_s += 0.1
        costs = observations.live.at(0.0)
        best = "cpu:1" if costs.latency_ms[0] <= costs.latency_ms[2] else "cpu:2"
        processor = observations.processor("a", best, costs)
        trials.append(processor != best)
        observations.learn(Stage("a", processor, latency_ms=latency_ms[processor], expected_ms=4.0), best, costs)
    assert best == "cpu:2"
    assert 0 < sum(trials) < 15


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(BundleError, match="explore: got"):
        Explorer(share)


def choices(runtime: Runtime, crops: ArraySamples, count: int) -> list[str]:
    return [runtime(crops.value(0)).stages[-1].processor for _ in range(count)]


def test_a_runtime_with_a_wrong_profile_changes_its_mind(scripted: StartScripted, crops: ArraySamples) -> None:
    runtime = scripted({"fast": 40.0, "slow": 1.0})
    ran = choices(runtime, crops, 10)
    assert ran[0] == "fast"
    assert ran[-5:] == ["slow"] * 5


def test_one_outlier_has_nothing_planned_anew_two_running_do(
    scripted: StartScripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = scripted({"fast": 1.0, "slow": 4.0})
    planned, woken = runtime.planned(), list[None]()
    (variant,) = planned.policy.variants
    monkeypatch.setattr(DeviceSampler, "wake", lambda _: woken.append(None))

    def woken_by(*latencies_ms: float) -> int:
        woken.clear()
        for latency_ms in latencies_ms:
            runtime._executor.observe((Stage(variant, "fast", latency_ms, 1.0),), planned)
        return len(woken)

    assert woken_by(1.0, 5.0, 1.0, 0.1, 5.0, 1.0) == 0
    assert woken_by(1.0, 5.0, 5.0, 5.0) == 2
    assert woken_by(1.0, 0.1, 0.1) == 1


def test_without_adaptation_it_does_not(scripted: StartScripted, crops: ArraySamples) -> None:
    runtime = scripted({"fast": 40.0, "slow": 1.0}, adapt=False)
    assert choices(runtime, crops, 6) == ["fast"] * 6


def test_what_fails_is_answered_elsewhere_and_tried_again_later(
    scripted: StartScripted, crops: ArraySamples, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def tried_again() -> None:
        """It is opened, and run, behind the answers; whoever calls meanwhile is answered elsewhere."""
        runtime.flush()
        runtime._runner._calls.wait(time.monotonic() + 20.0)
        runtime.flush()

    broken: list[Exception] = []
    runtime = scripted(
        {"fast": 0.0, "slow": 0.0},
        {"fast": lambda _: broken[0] if broken else [np.ones((1, 10), np.float32)]},
        adapt=False,
    )
    runtime._observations.quarantine._clock = clock
    assert choices(runtime, crops, 1) == ["fast"]
    broken.append(ProcessorError("fast: device lost"))
    answer = runtime(crops.value(0))
    assert (answer.stages[-1].processor, len(answer.stages)) == ("slow", 1)
    assert answer.note == "fast failed, is tried again in 1 s: fast: device lost"
    assert answer.constraints_met
    assert runtime(crops.value(0)).note == "", "it is not tried while it is in quarantine"
    clock.now_s += 1.1
    tried_again()
    assert "is tried again in 2 s" in caplog.text
    assert runtime(crops.value(0)).stages[-1].processor == "slow"
    broken.clear()
    clock.now_s += 2.1
    tried_again()
    assert runtime(crops.value(0)).stages[-1].processor == "fast"


def test_the_error_is_raised_where_nothing_is_left(scripted: StartScripted, crops: ArraySamples) -> None:
    def fail(_: object) -> Exception:
        return ModelError("an operator failed")

    runtime = scripted({"fast": 0.0, "slow": 0.0}, {"fast": fail, "slow": fail}, warm_up=False)
    with pytest.raises(ModelError, match="an operator failed"):
        runtime(crops.value(0))


def test_a_wrong_input_is_nobodys_failure(scripted: StartScripted, crops: ArraySamples) -> None:
    runtime = scripted({"fast": 0.0, "slow": 0.0}, {"fast": lambda _: InputError("no")}, warm_up=False)
    with pytest.raises(InputError):
        runtime(crops.value(0))
    assert not runtime._observations.quarantine.blocked()


def test_a_processor_that_fails_while_it_warms_up_does_not_keep_the_bundle_from_loading(
    scripted: StartScripted, crops: ArraySamples
) -> None:
    runtime = scripted({"fast": 0.0, "slow": 0.0}, {"fast": lambda _: ProcessorError("fast: lost")})
    assert runtime(crops.value(0)).stages[-1].processor == "slow"


def test_exploration_finds_a_processor_that_became_fast(scripted: StartScripted, crops: ArraySamples) -> None:
    runtime = scripted({"fast": 3.0, "slow": 0.1}, explore=1.0)

    def found() -> bool:
        runtime.flush()
        return choices(runtime, crops, 20)[-5:] == ["slow"] * 5

    # a busy machine may stretch single inferences: then it takes longer, but it is found
    assert any(found() for _ in range(200))
