"""`Runtime.stats`: nothing is lost, errors are told apart, and what is open is said."""

import dataclasses
import json
import math
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import compsel
from compsel.errors import CompselError, InputError, ModelError, ProcessorError
from compsel.inputs.samples import ArraySamples
from compsel.runtime import Answer, Runtime, Stage
from compsel.runtime.monitoring.call_counts import CallCounts
from compsel.runtime.monitoring.latency_distribution import LatencySketch
from tests.answering_models import inputs, model
from tests.pinned_bundles import pinned
from tests.runtime.conftest import Rules, StartScripted

IMAGE = np.random.default_rng(0).integers(0, 256, (80, 64, 3), np.uint8)
ANSWER = Answer([], 2.0, (Stage("a", "cpu:1", 2.0, 2.0),))


def test_what_was_answered_is_counted_by_what_ran(cascade_folder: Path) -> None:
    with compsel.load(cascade_folder) as runtime:
        answers = [runtime(IMAGE), runtime.answer(IMAGE), runtime(IMAGE, deadline_ms=1e-3)]
        with pytest.raises(InputError):
            runtime(b"no image")
        stats = runtime.stats()
    assert (stats.answers, stats.bad_inputs, stats.failures) == (3, 1, 0)
    assert sum(stats.by_choice.values()) == 3
    assert set(stats.by_choice) == {answer.choice for answer in answers}
    assert stats.escalations == sum(len(answer.stages) - 1 for answer in answers)
    assert (stats.late, stats.constraints_missed) == (1, 1)
    assert stats.latency.count == 3
    assert stats.latency.max_ms == max(answer.latency_ms for answer in answers)
    assert set(answers[0].choice.split(" > ")) <= set(stats.engines_open)
    assert 0 < stats.engines_mb < stats.resident_mb


def test_stats_are_a_value_that_json_can_hold(runtime: Runtime) -> None:
    stats = runtime.stats()
    with pytest.raises(dataclasses.FrozenInstanceError):
        stats.answers = 3
    again = json.loads(json.dumps(stats.as_dict(), allow_nan=False))
    assert set(again) == {field.name for field in dataclasses.fields(stats)} - {"latency"} | {"latency_ms"}


def test_what_failed_is_told_from_what_cannot_be_answered(scripted: StartScripted, crops: ArraySamples) -> None:
    broken = threading.Event()

    def rule(_: object) -> object:
        return ProcessorError("device lost") if broken.is_set() else [np.zeros((1, 10), np.float32)]

    runtime = scripted({"fast": 0.0, "slow": 0.0}, Rules(fast=rule), adapt=False)
    runtime(crops.value(0))
    broken.set()
    assert runtime(crops.value(0)).stages[-1].processor == "slow"
    stats = runtime.stats()
    assert (stats.answers, stats.failures, stats.bad_inputs, stats.stage_failures, stats.given_up) == (2, 0, 0, 1, 0)
    assert stats.quarantined == ("fast",)


def test_rows_of_a_batch_count_each_and_so_do_bad_feeds(tmp_path: Path) -> None:
    with pinned(model({"y": ((4,), "")}), tmp_path, "logits", independent_rows=True) as runtime:
        runtime.run(None, {"x": np.zeros((1, 8), np.float32)})
        list(runtime.map(inputs(3)))
        with pytest.raises(InputError):
            runtime.run(None, {"x": np.zeros((1, 3), np.float32)})
        stats = runtime.stats()
    assert (stats.answers, stats.bad_inputs) == (4, 1)


def test_calls_that_nothing_answers_are_failures(scripted: StartScripted, crops: ArraySamples) -> None:
    def rule(_: object) -> object:
        return ModelError("broken")

    runtime = scripted({"fast": 0.0, "slow": 0.0}, Rules(fast=rule, slow=rule), warm_up=False)
    with pytest.raises(CompselError):
        runtime(crops.value(0))
    stats = runtime.stats()
    assert (stats.answers, stats.failures, stats.stage_failures) == (0, 1, 2)


def test_nothing_is_lost_however_many_answer_at_once() -> None:
    counts = CallCounts()
    heard: list[object] = []
    counts.listeners.append(heard.append)

    def many() -> None:
        for _ in range(5000):
            counts.answered(ANSWER)

    threads = [threading.Thread(target=many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts._finished) <= 4096 + 8, "what waits to be counted is bounded"
    counted = counts.counted()
    assert (counted.answers, counted.latency.count, counted.by_choice) == (40_000, 40_000, {"a@cpu:1": 40_000})
    assert len(heard) == 40_000


def test_what_is_told_of_calls_may_ask_for_the_counts_and_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    counts = CallCounts()
    heard: list[int] = []
    counts.listeners.append(lambda _: heard.append(counts.counted().answers))
    counts.listeners.append(lambda _: 1 / 0)
    for _ in range(2):
        counts.answered(ANSWER)
        assert counts.counted().answers == len(heard)
    assert [record.event for record in caplog.records] == ["listener_failed"]


def test_choices_that_become_many_take_no_more_memory() -> None:
    counts = CallCounts()
    for number in range(1000):
        counts.answered(ANSWER._replace(stages=(Stage(f"v{number}", "cpu:1", 1.0, 1.0),)))
    by_choice = counts.counted().by_choice
    assert len(by_choice) == 257
    assert sum(by_choice.values()) == 1000


def test_a_policy_beside_counts_for_itself(cascade_folder: Path) -> None:
    with compsel.load(cascade_folder) as runtime:
        other = runtime.with_policy(next(iter(runtime.bundle.policies.values())))
        other(IMAGE)
        assert (runtime.stats().answers, other.stats().answers) == (0, 1)


@given(st.lists(st.floats(1e-3, 3e6), min_size=1, max_size=200))
def test_quantiles_are_within_a_percent(latencies_ms: list[float]) -> None:
    sketch = LatencySketch()
    for latency_ms in latencies_ms:
        sketch.add(latency_ms)
    found = sketch.snapshot()
    for share in (0.0, 0.5, 0.95, 1.0):
        wanted = sorted(latencies_ms)[max(1, math.ceil(share * len(latencies_ms))) - 1]
        assert found.quantile(share) == pytest.approx(wanted, rel=0.0101)
    assert found.at_most(1e9) == len(latencies_ms)
    assert found.mean_ms == pytest.approx(np.mean(latencies_ms))


@pytest.mark.parametrize("latency_ms", [0.0, -1.0, float("nan"), float("inf"), 1e300])
def test_no_latency_breaks_it(latency_ms: float) -> None:
    sketch = LatencySketch()
    sketch.add(latency_ms)
    assert sketch.snapshot().count == 1
