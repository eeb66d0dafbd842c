"""How much at once, how often, how slowly; and how the server ends."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

from compsel.runtime import Runtime
from compsel.serving.answering import Answering, InputRequest
from compsel.serving.bodies import BodyReader
from compsel.serving.client_rates import ClientRates
from compsel.serving.inputs import InputReader
from compsel.serving.request_error import RequestError
from compsel.serving.settings import ServingSettings
from tests.serving.clients import client_of


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def admitted(rates: ClientRates, client: str, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            rates.admit(client)
            count += 1
        except RequestError as error:
            assert error.status == 429
    return count


def test_a_client_gets_its_rate_and_others_theirs() -> None:
    clock = Clock()
    rates = ClientRates(5.0, clock)
    assert admitted(rates, "a", 30) == 10  # the burst
    assert admitted(rates, "b", 3) == 3
    clock.now_s = 1.0
    assert admitted(rates, "a", 30) == 5
    clock.now_s = 100.0
    assert admitted(rates, "a", 30) == 10


def test_many_clients_take_no_more_memory() -> None:
    rates = ClientRates(1.0, Clock())
    for number in range(10_000):
        rates.admit(str(number))
    assert len(rates._left) <= 4096


def test_a_client_that_asks_too_often_is_told_when_to_come_back(text_runtime: Runtime) -> None:
    client = client_of(text_runtime, ServingSettings(rate_per_s=0.5))
    first, second = (client.post("/answer", json={"text": "play a song"}) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 429)
    assert int(second.headers["Retry-After"]) >= 1
    assert client.get("/healthz").status_code == 200  # only answers count


def reading_waits(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Make reading an input wait; return what is set when it begins, and what lets it go on."""
    began, go = threading.Event(), threading.Event()
    read = InputReader.read

    def slowly(*arguments: Any) -> InputRequest:
        began.set()
        go.wait(10)
        return read(*arguments)

    monkeypatch.setattr(InputReader, "read", slowly)
    return began, go


def test_what_does_not_fit_into_the_queue_is_told_when_to_come_back(
    text_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go = reading_waits(monkeypatch)
    client = client_of(text_runtime, ServingSettings(rate_per_s=0, workers=1, waiting=0))
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(client.post("/answer", json={"text": "play a song"}).status_code)

    first = threading.Thread(target=ask)
    first.start()
    assert began.wait(10)
    refused = client.post("/answer", json={"text": "play a song"})
    assert client.get("/state").json()["in_flight"] == 1
    go.set()
    first.join()
    assert (refused.status_code, statuses) == (503, [200])
    assert refused.json()["error"].startswith("busy: the queue is full")
    assert int(refused.headers["Retry-After"]) >= 1
    ask()
    assert statuses == [200, 200]


def test_a_deadline_that_has_passed_in_the_queue_is_refused(
    text_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go = reading_waits(monkeypatch)
    client = client_of(text_runtime, ServingSettings(rate_per_s=0, workers=1))
    found: list[Any] = []

    def ask(address: str) -> threading.Thread:
        thread = threading.Thread(
            target=lambda: found.append(client.post(address, json={"text": "play a song"})), daemon=True
        )
        thread.start()
        return thread

    first = ask("/answer")
    assert began.wait(10)
    second = ask("/answer?deadline_ms=30")
    until = time.monotonic() + 10
    while client.get("/state").json()["in_flight"] < 2 and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(0.05)
    go.set()
    first.join(10)
    second.join(10)
    assert sorted(one.status_code for one in found) == [200, 503]


def request_of(receive: Callable[[], object]) -> Request:
    async def receiving() -> object:
        return receive()

    return Request({"type": "http", "method": "POST", "headers": []}, receiving)


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def never() -> object:
        await asyncio.sleep(60)
        return {}

    bodies = BodyReader(ServingSettings(body_timeout_s=0.01))
    request = Request({"type": "http", "method": "POST", "headers": []}, never)
    with pytest.raises(RequestError) as refused:
        asyncio.run(bodies.read(request))
    assert refused.value.status == 408
    assert bodies.held_bytes == 0


def test_a_client_that_breaks_off_leaves_nothing_behind() -> None:
    messages = [
        {"type": "http.request", "body": b"12345", "more_body": True},
        {"type": "http.disconnect"},
    ]
    bodies = BodyReader(ServingSettings())
    with pytest.raises(RequestError):
        asyncio.run(bodies.read(request_of(lambda: messages.pop(0))))
    assert bodies.held_bytes == 0


def test_bodies_of_many_clients_together_are_bounded() -> None:
    bodies = BodyReader(ServingSettings(max_bytes=10))
    read = 0
    with pytest.raises(RequestError) as refused:
        for _ in range(100):
            body = {"type": "http.request", "body": bytes(10), "more_body": False}
            asyncio.run(bodies.read(request_of(lambda body=body: body)))
            read += 1
    assert (refused.value.status, read) == (503, 16)
    bodies.release(10)
    body = {"type": "http.request", "body": bytes(10), "more_body": False}
    assert len(asyncio.run(bodies.read(request_of(lambda: body)))) == 10


def test_answers_from_many_threads_are_those_of_one(text_client: TestClient) -> None:
    texts = ["play a song", "rain and snow", "dark lamp"] * 8
    names = ["music", "weather", "lights"] * 8
    got: dict[int, str] = {}

    def ask(number: int) -> None:
        got[number] = text_client.post("/answer", json={"text": texts[number]}).json()["name"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got[number] for number in range(len(texts))] == names


@pytest.mark.clock
def test_waiting_counts_against_the_deadline(text_runtime: Runtime) -> None:
    """What waits longer than its deadline cannot meet it."""
    answering = Answering(text_runtime)
    late_ns = time.perf_counter_ns() - 10**9
    late = answering.answer(lambda: InputRequest("play a song", deadline_ms=500.0), late_ns)
    assert not late.answer.constraints_met
    assert late.waited_ms >= 1000
    now = answering.answer(lambda: InputRequest("play a song", deadline_ms=500.0), time.perf_counter_ns())
    assert now.answer.constraints_met
