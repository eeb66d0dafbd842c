"""The image modality: uint8 (height, width, 3) RGB arrays, or files that are decoded when needed.

They are cropped, resized and normalised for the model.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from compsel.errors import InputError
from compsel.inputs.images.decoding import Source, decode
from compsel.inputs.images.encoded import EncodedImage
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.modality import Modality, ModelLike
from compsel.inputs.tensor_specs import TensorSpec

if TYPE_CHECKING:
    from compsel.inputs.samples import Samples

__all__ = ["IMAGE", "PIXELS", "ImageModality", "image_preprocessing"]

#: the one input of a graph that the normalisation was folded into (`compsel.models.pixel_input`)
PIXELS = "compsel_pixels"
_SYNTHETIC_SIDE_PIXELS = 256


class ImageModality(Modality):
    """Images, for models with one input and an `ImagePreprocessing`.

    >>> IMAGE.size(np.zeros((480, 640, 3), np.uint8))
    307200.0
    """

    name = "image"
    preprocessing = ImagePreprocessing
    lazy = (EncodedImage,)

    def takes(self, model: ModelLike) -> bool:
        """Whether a model has image preprocessing, and one input for what comes out of it."""
        return image_preprocessing(model) is not None

    def decode(self, source: Source | EncodedImage) -> np.ndarray | EncodedImage:
        """Return an array as a uint8 (height, width, 3) RGB array; a file, or its bytes, with its header checked."""
        if isinstance(source, EncodedImage):
            return source
        return decode(source) if isinstance(source, np.ndarray) else EncodedImage(source)

    def decode_for(self, value: EncodedImage, readers: Iterable[Any]) -> None:
        """Decode a file at the scale that the finest of its readers needs; without any, in full."""
        height, width = value.height, value.width
        value.decode(min((reader.reduction(height, width) for reader in readers if reader is not None), default=1))

    def _size(self, value: np.ndarray | EncodedImage) -> float:
        height, width = (value.height, value.width) if isinstance(value, EncodedImage) else value.shape[:2]
        return float(height * width)

    def _feeds(self, model: ModelLike, value: np.ndarray | EncodedImage) -> dict[str, np.ndarray]:
        return {model.inputs[0].name: _preprocessing(model).tensor(value)}

    def graph_inputs(self, model: ModelLike) -> Sequence[TensorSpec]:
        """Return the input for pixels."""
        return [TensorSpec(PIXELS, "uint8", (1, *_preprocessing(model).resolution, _pixel_channels(model)))]

    def graph_feeds(self, model: ModelLike, value: np.ndarray | EncodedImage) -> dict[str, np.ndarray]:
        """Crop and resize; the rest is in the graph."""
        pixels = _preprocessing(model).pixels(value)
        if _pixel_channels(model) == 4:
            pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA))
        return {PIXELS: pixels[None]}

    def synthetic(
        self, model: ModelLike, count: int, refusal: Callable[[Mapping[str, np.ndarray]], str]
    ) -> Sequence[np.ndarray]:
        """Make coloured clouds; whether the model runs on them is not tried, for their tensors fit by construction."""
        rng = np.random.default_rng(0)
        small = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
        size = (_SYNTHETIC_SIDE_PIXELS, _SYNTHETIC_SIDE_PIXELS)
        return [np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)) for image in small]

    def open_samples(self, path: Path) -> "Samples":
        """Open a folder of images."""
        from compsel.inputs.samples import ImageFolder  # the runtime reads no samples

        return ImageFolder(path)


def image_preprocessing(model: ModelLike) -> ImagePreprocessing | None:
    """Return the preprocessing of a model that takes one image; None for other models."""
    preprocessing = model.preprocessing
    return preprocessing if isinstance(preprocessing, ImagePreprocessing) and len(model.inputs) == 1 else None


def _preprocessing(model: ModelLike) -> ImagePreprocessing:
    if not isinstance(model.preprocessing, ImagePreprocessing):
        raise InputError(f"{model.name} has no image preprocessing: give tensors by name")
    return model.preprocessing


def _pixel_channels(model: ModelLike) -> int:
    """Return how many channels the graph of pixels of a variant takes; of a model, which has no such graph, 3."""
    channels: int = getattr(model, "pixel_channels", 3)
    return channels


IMAGE = ImageModality()
