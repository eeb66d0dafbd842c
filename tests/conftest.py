"""What many tests share: real networks, real photographs, one measured profile and one trained bundle a session.

Fixtures of the session are read-only: a test that changes files copies them first (`shutil.copytree`).
"""

import csv
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest

from compsel.demo import calibration_samples
from compsel.demo import photographs as photograph_paths
from compsel.feeds import feeds_of
from compsel.images import decode
from compsel.model import Model
from compsel.networks import build
from compsel.pipeline import measure, train_bundle
from compsel.profiling.latency import Criterion
from compsel.profiling.tables import Profile
from compsel.samples import ArraySamples, ImageFolder
from compsel.techniques.calibrate import open_session

# a shell ignores Ctrl-C in what it runs in the background, and whatever that starts inherits it: some tests send it
signal.signal(signal.SIGINT, signal.default_int_handler)

TECHNIQUES = ("none", "int8-static", "resolution:128")
# enough runs for the tables to have a spread, few enough to be done at once
QUICK = Criterion(relative_half_width=0.5, min_runs=3, max_runs=6, budget_s=2.0)


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
        techniques=TECHNIQUES,
        processors=("cpu:1",),
        states=("idle",),
        calibration=8,
        criterion=QUICK,
        origin="crops of scikit-image's photographs",
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
    train_bundle(profile, profile_folder / "variants", folder)
    return folder
