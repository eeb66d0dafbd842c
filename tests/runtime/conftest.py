"""A runtime on a bundle whose policies and costs are known, and copies of the bundle to damage."""

import shutil
from collections.abc import Callable, Iterator
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
    with compsel.load(staged_folder, warm_up=False, adapt=False) as loaded:
        yield loaded


@pytest.fixture
def copied(staged_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(staged_folder, tmp_path / "bundle"))


@pytest.fixture
def at_load(monkeypatch: pytest.MonkeyPatch) -> Callable[[Runtime, float], None]:
    """Make a runtime see a given load by others instead of this machine's: plans are then the same everywhere."""

    def see(runtime: Runtime, load: float) -> None:
        from dataclasses import replace

        state = replace(runtime._sampler.state(), load_others=load)
        monkeypatch.setattr(runtime._sampler, "state", lambda: state)
        runtime.flush()

    return see
