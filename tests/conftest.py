"""What many tests share: real networks, real photographs, one measured profile and one trained bundle a session.

Fixtures of the session are read-only: a test that changes files copies them first (`shutil.copytree`).
"""

import csv
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import compsel
from compsel.building.demo import calibration_samples
from compsel.building.demo import photographs as photograph_paths
from compsel.building.measure import measure
from compsel.building.options import Measuring
from compsel.building.train import train_bundle
from compsel.inputs.feeds import feeds_of
from compsel.inputs.images.decoding import decode
from compsel.inputs.samples import ArraySamples, ImageFolder
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.networks import build
from compsel.profiling.latency import Criterion
from compsel.profiling.profile import Profile
from compsel.runtime import Runtime
from compsel.selection.objective import Objective
from tests import cascade_bundle

# a shell ignores Ctrl-C in what it runs in the background, and whatever that starts inherits it: some tests send it
signal.signal(signal.SIGINT, signal.default_int_handler)

TECHNIQUES = ("none", "int8-static", "resolution:128")
# enough runs for the tables to have a spread, few enough to be done at once
QUICK = Criterion(relative_half_width=0.5, min_runs=3, max_runs=6, budget_s=2.0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that no worker is left with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def lite0() -> Model:
    """EfficientNet-Lite0 with its real ImageNet weights."""
    return build("efficientnet-lite0", weights="imagenet")


@pytest.fixture(scope="session")
def small_model() -> Model:
    """A seeded MobileNet V1 that runs in a fraction of a millisecond."""
    return build("mobilenet-v1", width=0.25, resolution=64, classes=10)


@pytest.fixture(scope="session")
def photograph_files() -> dict[str, Path]:
    """The photographs that scikit-image brings, by name."""
    return photograph_paths()


@pytest.fixture(scope="session")
def photographs(photograph_files: dict[str, Path]) -> dict[str, np.ndarray]:
    """The same, decoded: uint8 (height, width, 3), RGB."""
    return {name: decode(path) for name, path in photograph_files.items()}


@pytest.fixture(scope="session")
def crops() -> ArraySamples:
    """24 different crops of the photographs, without labels."""
    return ArraySamples([sample.value for sample in calibration_samples().spread(24)])


@pytest.fixture(scope="session")
def labelled_folder(lite0: Model, crops: ArraySamples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The crops as PNG files with a `labels.csv`: what EfficientNet-Lite0 says, every fourth label another class."""
    folder = tmp_path_factory.mktemp("labelled")
    session = open_session(lite0.to_proto())
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(("file", "label"))
        for index, sample in enumerate(crops):
            (logits,) = session.run(None, feeds_of(lite0, sample.value))
            label = int(logits.argmax()) if index % 4 else int(logits.argmin())
            assert cv2.imwrite(str(folder / f"{index:02d}.png"), sample.value[:, :, ::-1])
            table.writerow((f"{index:02d}.png", label))
    return folder


@pytest.fixture(scope="session")
def profile_folder(lite0: Model, labelled_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A measured profile: EfficientNet-Lite0, three variants, one thread, an idle device. Its files: `variants/`."""
    folder = tmp_path_factory.mktemp("profile")
    measure(
        [lite0],
        ImageFolder(labelled_folder, classes=1000),
        folder,
        Measuring(
            techniques=TECHNIQUES,
            processors=("cpu:1",),
            states=("idle",),
            calibration=8,
            criterion=QUICK,
            origin="crops of scikit-image's photographs",
        ),
    )
    return folder


@pytest.fixture(scope="session")
def profile(profile_folder: Path) -> Profile:
    """The same, loaded."""
    return Profile.load(profile_folder)


@pytest.fixture(scope="session")
def bundle_folder(profile: Profile, profile_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle trained on that profile."""
    folder = tmp_path_factory.mktemp("shipped") / "bundle"
    train_bundle(profile, profile_folder / "variants", folder, Objective(margin=0.01))
    return folder


@pytest.fixture(scope="session")
def cascade_folder(profile: Profile, profile_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of `cascade_bundle`."""
    return cascade_bundle.write(profile, profile_folder / "variants", tmp_path_factory.mktemp("cascade") / "bundle")


@pytest.fixture(scope="session")
def runtime(cascade_folder: Path) -> Iterator[Runtime]:
    """The bundle, loaded."""
    with compsel.load(cascade_folder, warm_up=False, adapt=False) as loaded:
        yield loaded


@pytest.fixture
def copied(cascade_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(cascade_folder, tmp_path / "bundle"))


@pytest.fixture
def at_load(monkeypatch: pytest.MonkeyPatch) -> Callable[[Runtime, float], None]:
    """Make a runtime see a given load by others instead of this machine's: plans are then the same everywhere."""

    def see(runtime: Runtime, load: float) -> None:
        state = replace(runtime._sampler.state(), load_others=load)
        monkeypatch.setattr(runtime._sampler, "state", lambda: state)
        runtime.flush()

    return see
