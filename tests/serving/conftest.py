"""Servers inside the process: the cascade of images, and small bundles of texts and of tensors."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

import compsel
from compsel.inputs.samples import ArraySamples, TextTable
from compsel.runtime import Runtime
from tests.foreign_models import two_inputs
from tests.measuring import quick
from tests.serving.clients import client_of
from tests.text_models import classifier, write_table


@pytest.fixture(scope="session")
def jpeg(photographs: dict[str, np.ndarray]) -> bytes:
    return bytes(cv2.imencode(".jpg", photographs["chelsea"][:, :, ::-1])[1])


@pytest.fixture(scope="session")
def image_client(runtime: Runtime) -> TestClient:
    return client_of(runtime)


@pytest.fixture(scope="session")
def text_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of words, as it is."""
    folder = tmp_path_factory.mktemp("texts")
    samples = TextTable(write_table(folder / "texts.csv", 60))
    compsel.build([classifier("words", blocks=1)], samples, folder / "words", measuring=quick(techniques=("none",)))
    return folder / "words"


@pytest.fixture(scope="session")
def text_runtime(text_bundle: Path) -> Iterator[Runtime]:
    with compsel.load(text_bundle) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def text_client(text_runtime: Runtime) -> TestClient:
    return client_of(text_runtime)


@pytest.fixture(scope="session")
def tensor_runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """A model of two inputs that gives no class scores."""
    folder = tmp_path_factory.mktemp("tensors") / "two"
    rng = np.random.default_rng(0)
    values = [{"tokens": rng.integers(0, 8, (1, 6)), "mask": np.ones((1, 6), np.float32)} for _ in range(30)]
    compsel.build([two_inputs()], ArraySamples(values), folder, measuring=quick(techniques=("none",)))
    with compsel.load(folder) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def tensor_client(tensor_runtime: Runtime) -> TestClient:
    return client_of(tensor_runtime)
