"""`/metrics`: what Prometheus reads."""

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from compsel.runtime import Runtime
from tests.serving.clients import client_of


def values(client: TestClient) -> dict[tuple[str, ...], float]:
    text = client.get("/metrics").text
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_errors_choices_and_load_are_counted(runtime: Runtime, jpeg: bytes) -> None:
    client = client_of(runtime)
    before = values(client)
    answers = [
        client.post("/answer?deadline_ms=0.5", content=jpeg, headers={"Content-Type": "image/jpeg"}).json()
        for _ in range(3)
    ]
    client.post("/answer", content=b"x", headers={"Content-Type": "image/jpeg"})
    client.post("/v2/models/other/infer", json={})
    client.get("/nothing")
    now = values(client)
    # the runtime answered others before
    found = {key: value - before.get(key, 0.0) if "_in_flight" not in key[0] else value for key, value in now.items()}
    assert found["compsel_requests_total", "/answer", "200"] == 3
    assert found["compsel_requests_total", "/answer", "422"] == 1
    assert found["compsel_requests_total", "/v2/models/{model}/infer", "404"] == 1
    assert found["compsel_request_seconds_count", "/answer"] == 4
    assert found["compsel_answer_seconds_count",] == 3
    assert sum(value for key, value in found.items() if key[0] == "compsel_answers_total") == 3
    assert found["compsel_answers_total", answers[0]["choice"]] >= 1
    assert found["compsel_escalations_total",] == sum(len(one["stages"]) - 1 for one in answers)
    assert found["compsel_constraints_missed_total",] == 3
    assert now["compsel_device_load_others",] >= 0
    assert found["compsel_in_flight",] == 0


def test_the_content_type_is_that_of_the_format(text_client: TestClient) -> None:
    assert text_client.get("/metrics").headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_addresses_that_strangers_make_up_take_no_memory(text_runtime: Runtime) -> None:
    client = client_of(text_runtime)
    for number in range(20):
        client.get(f"/v2/models/x{number}")
        client.get(f"/x{number}")
    assert sum(key[0] == "compsel_requests_total" for key in values(client)) <= 2
