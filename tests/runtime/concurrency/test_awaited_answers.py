"""`arun` and `submit`: answers that are awaited, cancelled, refused."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import compsel
from compsel.errors import BundleError, CompselError, InputError, ObjectiveError, OverloadedError
from compsel.inputs.samples import ArraySamples
from compsel.runtime import Answer, Runtime
from tests.pinned_bundles import pinned
from tests.runtime.conftest import Rules, StartScripted
from tests.runtime.counting_model import counting_model

LOGITS = np.zeros((1, 10), np.float32)


class Held:
    """A rule that waits until it is released."""

    def __init__(self) -> None:
        self.go, self.began = threading.Event(), threading.Event()

    def __call__(self, _: Mapping[str, np.ndarray]) -> Any:
        self.began.set()
        self.go.wait(20)
        return [LOGITS]


@pytest.fixture
def held() -> Iterator[Held]:
    rule = Held()
    yield rule
    rule.go.set()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_answers_that_are_awaited_are_those_of_calls(cascade_folder: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 80, 64, 3), np.uint8)

    async def all_of(runtime: Runtime) -> list[Answer]:
        return await asyncio.gather(*(runtime.arun(image) for image in images))

    with compsel.load(cascade_folder, adapt=False) as runtime:
        wanted = [runtime(image) for image in images]
        got = asyncio.run(all_of(runtime))
    for mine, theirs in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(mine.outputs[0], theirs.outputs[0])
        assert mine.latency_ms == pytest.approx(
            mine.waited_ms
            + mine.decode_ms
            + mine.features_ms
            + mine.selector_ms
            + sum(s.latency_ms for s in mine.stages)
        )
    assert max(answer.waited_ms for answer in got) > min(answer.waited_ms for answer in got) >= 0


def test_errors_are_those_of_calls(runtime: Runtime) -> None:
    with pytest.raises(InputError):
        asyncio.run(runtime.arun(b"no image"))
    with pytest.raises(ObjectiveError, match="deadline_ms: got 0"):
        asyncio.run(runtime.arun(np.zeros((8, 8, 3), np.uint8), deadline_ms=0))


def test_a_full_queue_refuses_at_once(scripted: StartScripted, crops: ArraySamples, held: Held) -> None:
    runtime = scripted(
        {"fast": 0.0, "slow": 0.0}, Rules(fast=held), warm_up=False, max_concurrency=1, max_queued_requests=1
    )
    calls = [runtime.submit(crops.value(0)) for _ in range(2)]
    with pytest.raises(OverloadedError, match="max_queued_requests=1"):
        asyncio.run(runtime.arun(crops.value(0)))
    stats = runtime.stats()
    assert (stats.refused, stats.running, stats.queued) == (1, 1, 1)
    held.go.set()
    assert [call.result(10).choice for call in calls] == ["net/none@fast"] * 2 or all(call.result(10) for call in calls)


def test_a_deadline_is_refused_by_what_the_planner_expects(
    scripted: StartScripted, crops: ArraySamples, held: Held
) -> None:
    runtime = scripted({"fast": 0.0, "slow": 0.0}, Rules(fast=held), warm_up=False, adapt=False, max_concurrency=1)
    first = runtime.submit(crops.value(0))
    assert held.began.wait(10)
    # 1 ms for what runs, and 1 for itself
    with pytest.raises(OverloadedError, match=r"1.5 cannot be met, .* takes 1.0 ms: .* a wait of 1 ms"):
        runtime.submit(crops.value(0), deadline_ms=1.5)
    held.go.set()
    first.result(10)


def test_a_task_that_is_cancelled_ends_its_run_and_frees_its_place(
    scripted: StartScripted, crops: ArraySamples, held: Held
) -> None:
    runtime = scripted(
        {"fast": 0.0, "slow": 0.0}, Rules(fast=held), warm_up=False, max_concurrency=1, max_queued_requests=0
    )

    async def cancel() -> None:
        task = asyncio.create_task(runtime.arun(crops.value(0)))
        while not held.began.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    until(lambda: runtime.stats().running == 0)
    held.go.set()
    assert runtime.submit(crops.value(0)).result(10).note == ""
    stats = runtime.stats()
    assert (stats.cancelled, stats.answers, stats.failures, stats.stage_failures) == (1, 1, 0, 0)
    assert stats.quarantined == ()


@pytest.mark.parametrize("deadline_ms", [None, 1e9])
def test_a_run_inside_onnx_runtime_is_ended(tmp_path: Path, deadline_ms: float | None) -> None:
    with pinned(counting_model(), tmp_path) as runtime:
        runtime({"n": np.array([3])})
        call = runtime.submit({"n": np.array([2**40])}, deadline_ms=deadline_ms)
        until(lambda: runtime.stats().running == 1)
        time.sleep(0.05)
        assert call.cancel()
        until(lambda: runtime.stats().running == 0)
        assert runtime.submit({"n": np.array([5])}).result(10).outputs[0].tolist() == [5.0]
        assert runtime.stats().quarantined == ()


def test_waiting_takes_its_part_of_the_deadline_and_is_said(
    scripted: StartScripted, crops: ArraySamples, held: Held
) -> None:
    runtime = scripted({"fast": 0.0, "slow": 0.0}, Rules(fast=held), warm_up=False, adapt=False, max_concurrency=1)
    first = runtime.submit(crops.value(0))
    assert held.began.wait(10)
    second = runtime.submit(crops.value(0), deadline_ms=5000.0)
    time.sleep(0.05)
    held.go.set()
    first.result(10)
    answer = second.result(10)
    assert answer.waited_ms >= 50
    assert answer.latency_ms > answer.waited_ms


def test_closing_tells_what_waits(scripted: StartScripted, crops: ArraySamples, held: Held) -> None:
    runtime = scripted({"fast": 0.0, "slow": 0.0}, Rules(fast=held), warm_up=False, max_concurrency=1)
    runtime.submit(crops.value(0))
    assert held.began.wait(10)
    waiting = runtime.submit(crops.value(0))
    runtime.close()
    with pytest.raises(BundleError, match="closed while the call waited"):
        waiting.result(10)
    with pytest.raises(BundleError, match="is closed"):
        runtime.submit(crops.value(0))


@pytest.mark.parametrize("options", [{"max_concurrency": 0}, {"max_concurrency": 1.5}, {"max_queued_requests": -1}])
def test_numbers_that_are_none_are_refused(cascade_folder: Path, options: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match=f"{next(iter(options))}: got"):
        compsel.load(cascade_folder, warm_up=False, **options)


def test_a_runtime_that_nobody_holds_goes_though_it_had_a_queue(cascade_folder: Path) -> None:
    import gc
    import weakref

    runtime = compsel.load(cascade_folder, warm_up=False)
    runtime.submit(np.zeros((80, 64, 3), np.uint8)).result(20)
    gone = weakref.ref(runtime)
    del runtime
    gc.collect()
    assert gone() is None


def test_under_load_every_call_ends_in_an_answer_or_a_typed_refusal(cascade_folder: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (80, 64, 3), np.uint8)

    async def many(runtime: Runtime) -> list[object]:
        calls = (runtime.arun(image, deadline_ms=(None, 5.0, 30.0)[number % 3]) for number in range(150))
        return await asyncio.gather(*calls, return_exceptions=True)

    with compsel.load(cascade_folder, max_queued_requests=60) as runtime:
        found = asyncio.run(many(runtime))
        stats = runtime.stats()
    answers = [one for one in found if isinstance(one, Answer)]
    refused = [one for one in found if isinstance(one, OverloadedError)]
    assert len(answers) + len(refused) == 150, [one for one in found if isinstance(one, CompselError)]
    assert answers
    assert refused
    assert (stats.answers, stats.refused, stats.running, stats.queued) == (len(answers), len(refused), 0, 0)
