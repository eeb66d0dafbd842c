"""Names that this server may be called by, sites that may ask, and what a browser may do with what it gets."""

import pytest
from starlette.testclient import TestClient

from compsel.runtime import Runtime
from compsel.serving.settings import ServingSettings
from tests.serving.clients import client_of


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:9", "[::1]:8000", "192.0.2.4"])
def test_own_names(text_client: TestClient, host: str) -> None:
    assert text_client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "", "[::1", "a b"])
def test_names_that_lead_here_are_not_ours(text_client: TestClient, host: str) -> None:
    response = text_client.post("/answer", json={"text": "a"}, headers={"Host": host})
    assert response.status_code == 421
    assert "--allow-host" in response.json()["error"]


def test_a_name_can_be_allowed(text_runtime: Runtime) -> None:
    client = client_of(text_runtime, ServingSettings(hosts=("Box.example",)))
    assert client.get("/healthz", headers={"Host": "box.example:80"}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1", "http://127.0.0.1:9999"])
def test_pages_of_other_sites_may_not_ask(text_client: TestClient, origin: str) -> None:
    response = text_client.post("/answer", content="a", headers={"Origin": origin, "Content-Type": "text/plain"})
    assert response.status_code == 403
    preflight = text_client.options("/answer", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
    assert "access-control-allow-origin" not in preflight.headers


def test_its_own_page_may(text_client: TestClient) -> None:
    headers = {"Origin": "http://127.0.0.1:8000"}
    assert text_client.post("/answer", json={"text": "a song"}, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css", "/icon.svg", "/about", "/nothing"])
def test_browsers_are_told_what_not_to_do(text_client: TestClient, path: str) -> None:
    headers = text_client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


def test_the_page_needs_nothing_from_elsewhere(text_client: TestClient) -> None:
    for path in ("/", "/page.js", "/page.css"):
        text = text_client.get(path).text.replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text
        assert "https://" not in text
        assert " style=" not in text
