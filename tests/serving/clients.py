"""Clients of a server inside the process."""

from pathlib import Path

from starlette.testclient import TestClient

from compsel.runtime import Runtime
from compsel.serving.answering import Answering, original_of
from compsel.serving.app import create_app
from compsel.serving.settings import ServingSettings

ADDRESS = "http://127.0.0.1:8000"


def client_of(runtime: Runtime, settings: ServingSettings | None = None, compare: Path | None = None) -> TestClient:
    settings = settings or ServingSettings(rate_per_s=0, workers=2)
    app = create_app(Answering(runtime, original_of(runtime, compare)), "bundle", settings)
    return TestClient(app, base_url=ADDRESS, raise_server_exceptions=False)
