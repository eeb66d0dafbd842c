"""The image modality: uint8 (height, width, 3) RGB arrays, or files that are decoded when needed.

They are cropped, resized and normalised for the model.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from compsel.errors import InputError
from compsel.inputs.images.decoding import Source, decode
from compsel.inputs.images.encoded import EncodedImage
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.images.reduction import REDUCTIONS
from compsel.inputs.modality import Modality, ModelLike
from compsel.inputs.sample_options import DEFAULT_SAMPLE_OPTIONS, SampleOptions
from compsel.inputs.tensor_specs import TensorSpec

if TYPE_CHECKING:
    from compsel.inputs.samples import Samples

__all__ = ["IMAGE", "PIXELS", "ImageModality", "image_preprocessing"]

#: the one input of a graph that the normalisation was folded into (`compsel.models.pixel_input`)
PIXELS = "compsel_pixels"
_SYNTHETIC_SIDE_PIXELS = 256
_LARGEST_PIXELS = 4e6
_BYTES = np.dtype(np.uint8)


class ImageModality(Modality):
    """Images, for models with one input and an `ImagePreprocessing`.

    >>> IMAGE.size(np.zeros((480, 640, 3), np.uint8))
    307200.0
    """

    name = "image"
    unit = "pixels"
    size_costs = "preparation"
    preprocessing = ImagePreprocessing
    lazy = (EncodedImage,)

    def takes(self, model: ModelLike) -> bool:
        """Whether a model has image preprocessing, and one input for what comes out of it."""
        return image_preprocessing(model) is not None

    def decode(self, source: Source | EncodedImage) -> np.ndarray | EncodedImage:
        """Return an array as a uint8 (height, width, 3) RGB array; a file, or its bytes, with its header checked."""
        # on the path of every answer, where each step is fetched anew after an inference: what is right passes at once
        if (
            type(source) is np.ndarray
            and source.dtype == _BYTES
            and source.ndim == 3
            and source.shape[2] == 3
            and source.size
            and source.flags.c_contiguous
        ):
            return source
        if isinstance(source, EncodedImage):
            return source
        return decode(source) if isinstance(source, np.ndarray) else EncodedImage(source)

    def decode_for(self, value: EncodedImage, readers: Iterable[Any]) -> None:
        """Decode a file at the scale that the finest of its readers needs; without any, in full."""
        height, width = value.height, value.width
        value.decode(min((reader.reduction(height, width) for reader in readers if reader is not None), default=1))

    def _size(self, value: np.ndarray | EncodedImage, model: ModelLike | None) -> float:
        height, width = value.decoded_size if isinstance(value, EncodedImage) else value.shape[:2]
        return float(height * width)

    def resized(self, value: np.ndarray | EncodedImage, size: float, model: ModelLike | None = None) -> np.ndarray:
        """Return the image with about so many pixels; its shape stays."""
        pixels = value.decode(REDUCTIONS[0]).pixels if isinstance(value, EncodedImage) else value
        height, width, _ = pixels.shape
        scale = math.sqrt(size / (height * width))
        sides = (max(1, round(width * scale)), max(1, round(height * scale)))
        return np.asarray(cv2.resize(pixels, sides, interpolation=cv2.INTER_LINEAR))

    def largest_size(self, model: ModelLike) -> float:
        """Return a few megapixels: beyond, cropping and resizing go on in proportion."""
        return _LARGEST_PIXELS

    def _feeds(self, model: ModelLike, value: np.ndarray | EncodedImage) -> dict[str, np.ndarray]:
        spec = model.inputs[0]
        return {spec.name: _as_type(spec, _preprocessing(model).tensor(value))}

    def graph_inputs(self, model: ModelLike) -> Sequence[TensorSpec]:
        """Return the input for pixels."""
        return [TensorSpec(PIXELS, "uint8", (1, *_preprocessing(model).resolution, _pixel_channels(model)))]

    def graph_feeds(self, model: ModelLike, value: np.ndarray | EncodedImage) -> dict[str, np.ndarray]:
        """Crop and resize; the rest is in the graph."""
        pixels = _preprocessing(model).pixels(value)
        channels = _pixel_channels(model)
        if channels == 4:
            pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA))
        elif channels == 1:
            pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))[:, :, None]
        return {PIXELS: pixels[None]}

    def synthetic(
        self, model: ModelLike, count: int, refusal: Callable[[Mapping[str, np.ndarray]], str]
    ) -> Sequence[np.ndarray]:
        """Make coloured clouds; whether the model runs on them is not tried, for their tensors fit by construction."""
        rng = np.random.default_rng(0)
        small = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
        size = (_SYNTHETIC_SIDE_PIXELS, _SYNTHETIC_SIDE_PIXELS)
        return [np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)) for image in small]

    def recognises(self, path: Path) -> bool:
        """Whether a folder holds images, at any depth, or a table names some."""
        from compsel.inputs.samples.image_files import holds_images  # the runtime reads no samples
        from compsel.inputs.samples.table_kind import is_table, table_holds

        return holds_images(path) if path.is_dir() else is_table(path) and "image" in table_holds(path)

    def open_samples(self, path: Path, options: SampleOptions = DEFAULT_SAMPLE_OPTIONS) -> "Samples":
        """Open a folder of images, or a table that names them."""
        from compsel.inputs.samples import ImageFolder  # the runtime reads no samples

        return ImageFolder(path, options=options)


def image_preprocessing(model: ModelLike) -> ImagePreprocessing | None:
    """Return the preprocessing of a model that takes one image; None for other models."""
    preprocessing = model.preprocessing
    return preprocessing if isinstance(preprocessing, ImagePreprocessing) and len(model.inputs) == 1 else None


def _preprocessing(model: ModelLike) -> ImagePreprocessing:
    if not isinstance(model.preprocessing, ImagePreprocessing):
        raise InputError(f"{model.name} has no image preprocessing: give tensors by name")
    return model.preprocessing


def _as_type(spec: TensorSpec, tensor: np.ndarray) -> np.ndarray:
    """Return a tensor in the element type of the model's input; whole numbers are rounded, and cut where they end."""
    if spec.dtype in (tensor.dtype.name, "other", "string"):
        return tensor
    dtype = np.dtype(spec.dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        tensor = np.clip(np.rint(tensor), limits.min, limits.max)
    return tensor.astype(dtype)


def _pixel_channels(model: ModelLike) -> int:
    """Return how many channels the graph of pixels of a variant takes; of a model, which has no such graph, 3."""
    channels: int = getattr(model, "pixel_channels", 3)
    return channels


IMAGE = ImageModality()
