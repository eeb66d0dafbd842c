"""What is only slow answers late, and is not held against anybody; what never ends ends for its own caller alone."""

import collections
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compsel
from compsel.errors import CompselError, ModelError, ProcessorError
from compsel.inputs.samples import ArraySamples
from compsel.processors.ort_session import OrtSession
from compsel.runtime import Runtime
from compsel.runtime.dispatch import stage_runner
from compsel.runtime.dispatch.stage_runner import StageLimit
from compsel.runtime.faults import watchdog
from compsel.runtime.faults.watched_calls import HangError, WatchedCalls
from tests.pinned_bundles import pinned
from tests.runtime.conftest import Rules, StartScripted
from tests.runtime.counting_model import counting_model

GOOD = np.arange(10, dtype=np.float32)[None]
POISON = 7


@pytest.fixture
def released() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def poisoned() -> np.ndarray:
    return np.full((64, 64, 3), POISON, np.uint8)


def failing_on_poison(otherwise: Callable[[], object]) -> Callable[[Mapping[str, np.ndarray]], Any]:
    """A session that fails on one input at once, and does something before it answers others."""

    def answer(feeds: Mapping[str, np.ndarray]) -> Any:
        if next(iter(feeds.values())).max() == POISON:
            return ModelError("the input shape and the requested shape differ")
        otherwise()
        return [GOOD]

    return answer


@pytest.mark.clock
def test_where_all_are_much_slower_than_expected_the_answer_is_late(
    scripted: StartScripted, crops: ArraySamples
) -> None:
    runtime = scripted({"fast": 300.0, "slow": 300.0}, adapt=False)
    answer = runtime(crops.value(0), deadline_ms=20)
    assert answer.outputs[0].shape == (1, 10)
    assert answer.latency_ms > 300


@pytest.mark.clock
def test_what_was_slow_answers_late_where_the_others_fail(scripted: StartScripted, crops: ArraySamples) -> None:
    runtime = scripted({"fast": 300.0, "slow": 0.0}, Rules(slow=lambda _: ProcessorError("device lost")), adapt=False)
    assert runtime(crops.value(0), deadline_ms=20).stages[-1].processor == "fast"


@pytest.mark.clock
def test_a_check_that_takes_too_long_decides_nothing_and_keeps_the_deadline(
    scripted: StartScripted, crops: ArraySamples, released: threading.Event
) -> None:
    waits = threading.Event()
    fast = failing_on_poison(lambda: released.wait(60) if waits.is_set() else None)
    runtime = scripted({"fast": 0.0, "slow": 0.0}, Rules(fast=fast), adapt=False)
    assert runtime(crops.value(0)).stages[-1].processor == "fast"
    waits.set()
    begin = time.perf_counter()
    assert runtime(poisoned(), deadline_ms=300).stages[-1].processor == "slow"
    assert time.perf_counter() - begin < 0.9


@pytest.mark.clock
def test_an_engine_that_opens_late_answers_as_soon_as_it_is_open(
    scripted: StartScripted, crops: ArraySamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = scripted({"fast": 0.0, "slow": 0.0}, adapt=False)
    runtime._pool.drop(next(iter(runtime.bundle.variants)), "fast")
    open_engine = runtime._pool._open

    def slowly(variant: str, processor: str, tensors: bool) -> object:
        time.sleep(0.3 if processor == "fast" else 0.0)
        return open_engine(variant, processor, tensors)

    monkeypatch.setattr(runtime._pool, "_open", slowly)
    answer = runtime(crops.value(0), deadline_ms=200)
    assert (answer.stages[-1].processor, "opening" in answer.note) == ("slow", True)
    assert "fast" not in runtime._observations.quarantine.blocked(), "other variants run there"
    time.sleep(0.4)
    assert runtime(crops.value(0), deadline_ms=200).stages[-1].processor == "fast"


@pytest.mark.parametrize("deadline_ms", [1e300, float("inf")])
def test_deadlines_without_end_are_kept(
    scripted: StartScripted, tmp_path: Path, crops: ArraySamples, deadline_ms: float
) -> None:
    runtime = scripted({"fast": 0.0, "slow": 0.0}, adapt=False)
    answer = runtime(crops.value(0), deadline_ms=deadline_ms)
    assert (answer.stages[-1].processor, answer.note) == ("fast", "")


def test_decoding_counts_once_in_a_deadline(
    scripted: StartScripted, crops: ArraySamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = scripted({"fast": 0.0, "slow": 0.0}, adapt=False)
    limits: list[StageLimit] = []
    watch = runtime._runner.watch

    def noted(function: Any, engine: Any, limit: StageLimit, *arguments: Any) -> Any:
        limits.append(limit)
        return watch(function, engine, limit, *arguments)

    def decode(_: Any, source: Any) -> Any:
        time.sleep(0.4)
        return crops.value(0)

    monkeypatch.setattr(runtime._runner, "watch", noted)
    monkeypatch.setattr(type(runtime.modality), "decode", decode)
    runtime("a file", deadline_ms=60_000)
    assert limits[0].remaining_ms is not None
    assert 59_000 < limits[0].remaining_ms < 59_700
    limits.clear()
    runtime("a file", deadline_ms=1000)
    assert limits[0].remaining_ms is not None
    assert limits[0].remaining_ms > 300, "200 where it counts twice"


@pytest.fixture
def counting(tmp_path: Path) -> Runtime:
    """A model that counts as far as it is told."""
    return pinned(counting_model(), tmp_path)


@pytest.mark.clock
def test_a_run_that_never_ends_ends_for_its_own_caller_alone(
    counting: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_runner, "_HANG_S", 0.4)
    monkeypatch.setattr(stage_runner, "_HANG_TIMES", 0.0)
    errors: list[BaseException] = []
    ended = threading.Event()

    def never_ends() -> None:
        try:
            counting.run(None, {"n": np.array([2**40])})
        except BaseException as error:
            errors.append(error)
        ended.set()

    counting.run(None, {"n": np.array([3])})
    thread = threading.Thread(target=never_ends, daemon=True)
    thread.start()
    began, answers = time.perf_counter(), 0
    while not ended.is_set() and time.perf_counter() - began < 20:
        try:
            assert counting.run(None, {"n": np.array([1000])})[0].tolist() == [1000.0]
            answers += 1
        except ProcessorError as error:
            # while the only processor is barred
            assert "failed just now" in str(error), error
            time.sleep(0.01)
    thread.join(20)
    assert [type(error).__name__ for error in errors] == ["HangError"]
    assert answers > 1
    assert counting._pool.opened("counting/none", "cpu:1", tensors=True) is not None
    assert time.perf_counter() - began < 10


@pytest.mark.clock
def test_a_run_that_never_ends_is_ended_though_the_device_cannot_be_read(
    counting: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_runner, "_HANG_S", 0.4)
    monkeypatch.setattr(stage_runner, "_HANG_TIMES", 0.0)
    hangs, goes_on = threading.Event(), threading.Event()

    def reads_for_ever() -> None:
        hangs.set()
        goes_on.wait(20)

    monkeypatch.setattr(counting._plan_cache, "refresh", reads_for_ever)
    assert hangs.wait(5)
    try:
        began = time.perf_counter()
        with pytest.raises(ProcessorError, match="did not end in time"):
            counting.run(None, {"n": np.array([2**40])})
        assert time.perf_counter() - began < 5
    finally:
        goes_on.set()


def test_a_deadline_costs_no_other_thread_where_onnx_runtime_can_be_stopped(
    counting: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    run = OrtSession.run

    def noted(session: OrtSession, *arguments: Any) -> list[np.ndarray]:
        threads.append(threading.get_ident())
        return run(session, *arguments)

    monkeypatch.setattr(OrtSession, "run", noted)
    for deadline_ms in (None, 5000.0, 100.0):
        counting({"n": np.array([3])}, deadline_ms=deadline_ms)
    assert set(threads[-2:]) == {threading.get_ident()}


@pytest.mark.clock
def test_the_watchdog_ends_a_run_at_its_limit_and_not_at_its_next_look(
    counting: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "_INTERVAL_NS", 30_000_000_000)
    counting.run(None, {"n": np.array([3])})
    time.sleep(0.2)  # by then it waits for so long
    engine = counting._pool.get("counting/none", "cpu:1", tensors=True)
    for limit_ms in (400.0, 200.0, 100.0):
        limit = StageLimit(1.0, remaining_ms=2 * limit_ms)
        began = time.perf_counter()
        with pytest.raises(HangError, match="did not end in time"):
            counting._runner.watch(engine.answer, engine, limit, {"n": np.array([2**40])})
        assert limit_ms <= 1000 * (time.perf_counter() - began) < limit_ms + 150


@pytest.mark.clock
def test_a_run_that_was_stopped_too_early_is_tried_again(counting: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after the machine slept, or the process was stopped."""
    counting.run(None, {"n": np.array([3])})
    limits = iter([1e-3])
    monkeypatch.setattr(StageLimit, "seconds", property(lambda _: next(limits, 10.0)))
    assert counting.run(None, {"n": np.array([2_000_000])})[0].tolist() == [2_000_000.0]


def test_threads_that_come_back_while_others_are_lost() -> None:
    calls, failures = WatchedCalls(), []

    def some() -> None:
        for _ in range(200):
            try:
                calls.call(lambda: time.sleep(1e-4), 0.0, "a nap")
            except TimeoutError:
                pass
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=some) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_where_no_thread_can_be_started_calls_are_made_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert WatchedCalls().call(lambda: 2, 1.0, "adding") == 2


@pytest.mark.clock
def test_what_has_answered_before_is_waited_for_as_long_as_without_a_deadline(
    scripted: StartScripted, crops: ArraySamples
) -> None:
    slow = threading.Event()

    def rule(_: Mapping[str, np.ndarray]) -> Any:
        time.sleep(1.2 if slow.is_set() else 0.0)
        return [GOOD]

    runtime = scripted({"fast": 0.0, "slow": 0.0}, Rules(fast=rule, slow=rule), adapt=False)
    runtime(crops.value(0))
    slow.set()
    assert runtime(crops.value(0), deadline_ms=20).outputs[0].tolist() == GOOD.tolist()


@pytest.mark.clock
def test_what_hangs_while_the_runtime_is_closed_still_ends(counting: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_runner, "_HANG_S", 0.6)
    monkeypatch.setattr(stage_runner, "_HANG_TIMES", 0.0)

    def never_ends() -> None:
        with pytest.raises(CompselError):
            counting.run(None, {"n": np.array([2**40])})

    thread = threading.Thread(target=never_ends, daemon=True)
    thread.start()
    time.sleep(0.2)
    begin = time.perf_counter()
    counting.close()
    assert time.perf_counter() - begin < 0.4
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.clock
def test_under_load_every_call_is_answered_whatever_its_deadline(cascade_folder: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (80, 64, 3), np.uint8)
    until, failures, answers = time.monotonic() + 2.0, collections.Counter[str](), []

    def call(number: int) -> None:
        deadlines = itertools.cycle([None, 1.0, 20.0, 5.0, 100.0][number % 5 :])
        while time.monotonic() < until:
            try:
                answers.append(runtime(image, deadline_ms=next(deadlines)).label)
            except CompselError as error:
                failures[repr(error)] += 1

    with compsel.load(cascade_folder) as runtime:
        threads = [threading.Thread(target=call, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures
    assert answers
