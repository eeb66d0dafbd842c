"""A runtime on a bundle whose policies and costs are known, which learns as an app's does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import compsel
from compsel.runtime import Runtime


@pytest.fixture(scope="session")
def runtime(cascade_folder: Path) -> Iterator[Runtime]:
    """The bundle, loaded."""
    with compsel.load(cascade_folder, warm_up=False) as loaded:
        yield loaded
