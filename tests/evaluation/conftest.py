"""A runtime on a bundle whose policies and costs are known."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import compsel
from compsel.profiling.tables import Profile
from compsel.runtime import Runtime
from tests import staged_bundle


@pytest.fixture(scope="session")
def staged_folder(profile: Profile, profile_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of `staged_bundle`."""
    return staged_bundle.write(profile, profile_folder / "variants", tmp_path_factory.mktemp("staged") / "bundle")


@pytest.fixture(scope="session")
def runtime(staged_folder: Path) -> Iterator[Runtime]:
    """The bundle, loaded."""
    with compsel.load(staged_folder, warm_up=False) as loaded:
        yield loaded
