"""The queue: bounded, in order, honest about what it cannot do in time."""

import gc
import os
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import Any

import pytest

from compsel.errors import BundleError, OverloadedError
from compsel.runtime.concurrency.call_queue import CallQueue, ExpectedWork
from compsel.runtime.faults.watched_calls import WatchedCalls


@pytest.fixture
def go() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def until(condition: object, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_what_does_not_fit_is_refused_at_once_and_says_what_to_do(go: threading.Event) -> None:
    queue = CallQueue(1, 1)
    calls = [queue.submit(lambda _: go.wait(10)) for _ in range(2)]
    with pytest.raises(OverloadedError, match=r"queue is full \(max_queued_requests=1\).*try again later") as refused:
        queue.submit(lambda _: None)
    assert (refused.value.queued, queue.refused) == (1, 1)
    go.set()
    assert [call.result(10) for call in calls] == [True, True]
    assert queue.submit(lambda _: "again").result(10) == "again"
    queue.close()
    until(lambda: queue.running == 0)


def test_calls_run_in_their_order_and_no_more_at_once_than_allowed() -> None:
    queue, lock = CallQueue(2, 100), threading.Lock()
    order: list[int] = []
    most = [0, 0]

    def work(number: int) -> None:
        with lock:
            order.append(number)
            most[0] += 1
            most[1] = max(most)
        time.sleep(0.002)
        with lock:
            most[0] -= 1

    for call in [queue.submit(lambda _, number=number: work(number)) for number in range(20)]:
        call.result(10)
    assert most[1] == 2
    assert all(abs(place - number) <= 1 for place, number in enumerate(order))


def test_a_deadline_that_cannot_be_met_for_what_waits_is_refused_at_once(go: threading.Event) -> None:
    queue, expected = CallQueue(2, 100), ExpectedWork(usual_ms=100.0, least_ms=10.0)
    for _ in range(4):
        queue.submit(lambda _: go.wait(10))
    # two wait before it, two at once: it would start after 150 ms
    with pytest.raises(OverloadedError, match=r"deadline_ms=155 cannot be met, .*: 2 at work, 2 waiting") as refused:
        queue.submit(lambda _: None, deadline_ms=155.0, expected=lambda: expected)
    assert refused.value.expected_wait_ms == 150.0
    later = queue.submit(lambda _: "in time", deadline_ms=60_000.0, expected=lambda: expected)
    go.set()
    assert later.result(10) == "in time"


def test_where_nothing_waits_no_deadline_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    start = WatchedCalls.start

    def slowly(calls: WatchedCalls, *arguments: Any) -> bool:
        time.sleep(0.02)  # as on a busy machine
        return start(calls, *arguments)

    monkeypatch.setattr(WatchedCalls, "start", slowly)
    expected = ExpectedWork(usual_ms=100.0, least_ms=100.0)
    assert CallQueue(1, 1).submit(lambda _: "late", deadline_ms=1.0, expected=lambda: expected).result(10) == "late"


def test_what_waited_beyond_its_deadline_is_not_worked_on(go: threading.Event) -> None:
    queue, ran = CallQueue(1, 10), threading.Event()
    first = queue.submit(lambda _: go.wait(10))
    second = queue.submit(lambda _: ran.set(), deadline_ms=20.0)
    time.sleep(0.05)
    go.set()
    first.result(10)
    with pytest.raises(OverloadedError, match="deadline_ms=20 cannot be met any longer: the call waited"):
        second.result(10)
    assert (ran.is_set(), queue.refused) == (False, 1)


def test_what_is_cancelled_while_it_waits_frees_its_place(go: threading.Event) -> None:
    queue, ran = CallQueue(1, 1), threading.Event()
    first = queue.submit(lambda _: go.wait(10))
    second = queue.submit(lambda _: ran.set())
    assert second.cancel()
    third = queue.submit(lambda _: "third")
    go.set()
    assert (first.result(10), third.result(10)) == (True, "third")
    with pytest.raises(CancelledError):
        second.result(10)
    assert (ran.is_set(), queue.cancelled) == (False, 1)


def test_what_runs_holds_its_place_until_it_ends_and_its_stopper_is_told(go: threading.Event) -> None:
    told: list[tuple[str, int]] = []

    class Told:
        def cancel(self, thread: int) -> None:
            told.append(("cancel", thread))
            go.set()

        def forget(self, thread: int) -> None:
            told.append(("forget", thread))

    queue, began = CallQueue(1, 0), threading.Event()
    threads: list[int] = []

    def work(_: int) -> bool:
        threads.append(threading.get_ident())
        began.set()
        return go.wait(10)

    call = queue.submit(work, stopper=Told())
    assert began.wait(10)
    with pytest.raises(OverloadedError):
        queue.submit(lambda _: None)
    assert call.cancel()
    until(lambda: queue.running == 0)
    assert told == [("cancel", threads[0]), ("forget", threads[0])]
    with pytest.raises(CancelledError):
        call.result(10)
    assert queue.submit(lambda _: 1).result(10) == 1


def test_errors_are_those_of_the_work() -> None:
    def fail(_: int) -> None:
        raise ValueError("no")

    queue = CallQueue(1, 1)
    with pytest.raises(ValueError, match="no"):
        queue.submit(fail).result(10)
    assert queue.submit(lambda _: 1).result(10) == 1


def test_a_call_that_is_done_holds_its_input_no_longer() -> None:
    class Input:
        pass

    queue, value = CallQueue(1, 1), Input()
    held = weakref.ref(value)
    call = queue.submit(lambda _, value=value: value is not None)
    del value
    assert call.result(10)
    until(lambda: queue.running == 0)
    gc.collect()
    assert held() is None


def test_what_waits_when_it_is_closed_is_told(go: threading.Event) -> None:
    queue = CallQueue(1, 5)
    began = threading.Event()
    running = queue.submit(lambda _: began.set() or go.wait(10))
    assert began.wait(10)
    waiting = queue.submit(lambda _: go.wait(10))
    queue.close()
    with pytest.raises(BundleError, match="was closed while the call waited"):
        waiting.result(10)
    with pytest.raises(BundleError, match="is closed"):
        queue.submit(lambda _: None)
    go.set()
    assert running.result(10)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_after_a_fork_it_works_in_the_child(go: threading.Event) -> None:
    queue = CallQueue(1, 1)
    held = [queue.submit(lambda _: go.wait(10)) for _ in range(2)]
    child = os.fork()
    if not child:
        os._exit(0 if queue.submit(lambda _: 7).result(10) == 7 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    go.set()
    assert all(call.result(10) for call in held)
