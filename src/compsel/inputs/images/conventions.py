"""The conventions by which image classifiers are trained: what is cut out of a picture, and what its numbers become.

A table of data. Sources: torchvision's and timm's reference transforms; `keras.applications.imagenet_utils` (its modes
"caffe", "tf" and "torch"); TensorFlow-Slim's Inception preprocessing; OpenAI's CLIP; EfficientNet-Lite (TPU models);
Hugging Face's ViT; Ultralytics' classifiers. The commonest stand first: they win ties.
"""

from dataclasses import dataclass, replace
from typing import Literal

from compsel.inputs.images.image_input import ImageInput
from compsel.inputs.images.preprocessing import ImagePreprocessing, Interpolation

__all__ = ["CONVENTIONS", "GEOMETRIES", "NORMALISATIONS", "Geometry", "Normalisation", "preprocessing_of", "swapped"]


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What becomes of the bytes of a picture: (pixel - mean) / std, colours in this order.

    >>> NORMALISATIONS["tensorflow"].mean
    (127.5, 127.5, 127.5)
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: Literal["RGB", "BGR"] = "RGB"


@dataclass(frozen=True, slots=True)
class Geometry:
    """What part of a picture becomes the model's input.

    >>> GEOMETRIES["crop"].crop_fraction
    0.875
    """

    crop_fraction: float
    fit: Literal["crop", "stretch"]
    interpolation: Interpolation


def _alike(mean: float, std: float) -> Normalisation:
    return Normalisation((mean,) * 3, (std,) * 3)


def _units(mean: tuple[float, float, float], std: tuple[float, float, float]) -> Normalisation:
    """Return the normalisation of pixels from 0 to 1."""
    scaled = [tuple(round(255 * value, 6) for value in values) for values in (mean, std)]
    return Normalisation(scaled[0], scaled[1])


NORMALISATIONS: dict[str, Normalisation] = {
    "torchvision": _units((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "tensorflow": _alike(127.5, 127.5),
    "zero-one": _alike(0.0, 255.0),
    "raw": _alike(0.0, 1.0),
    "caffe": Normalisation((103.939, 116.779, 123.68), (1.0, 1.0, 1.0), "BGR"),
    "openai-clip": _units((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "efficientnet-lite": _alike(127.0, 128.0),
    "caffe-scaled": Normalisation((103.94, 116.78, 123.68), (58.8235,) * 3, "BGR"),
    "cifar": _units((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)),
    "centred": _alike(127.5, 255.0),
    "mnist": _alike(33.318421, 78.567495),
}
GEOMETRIES: dict[str, Geometry] = {
    "crop": Geometry(0.875, "crop", "bilinear"),
    "whole": Geometry(1.0, "crop", "bicubic"),
    "stretch": Geometry(1.0, "stretch", "bilinear"),
    "narrow": Geometry(0.95, "crop", "bicubic"),
}
#: names for `--preprocess`: normalisation and geometry
CONVENTIONS: dict[str, tuple[str, str]] = {
    "torchvision": ("torchvision", "crop"),
    "timm": ("torchvision", "narrow"),
    "tensorflow": ("tensorflow", "crop"),
    "keras-inception": ("tensorflow", "stretch"),
    "keras-mobilenet": ("tensorflow", "stretch"),
    "keras-xception": ("tensorflow", "stretch"),
    "keras-nasnet": ("tensorflow", "stretch"),
    "keras-resnet": ("caffe", "stretch"),
    "keras-vgg": ("caffe", "stretch"),
    "keras-densenet": ("torchvision", "stretch"),
    "keras-efficientnet": ("raw", "stretch"),
    "huggingface-vit": ("tensorflow", "stretch"),
    "openai-clip": ("openai-clip", "whole"),
    "caffe": ("caffe", "crop"),
    "caffe-scaled": ("caffe-scaled", "crop"),
    "efficientnet-lite": ("efficientnet-lite", "crop"),
    "ultralytics": ("zero-one", "whole"),
    "zero-one": ("zero-one", "crop"),
    "raw": ("raw", "stretch"),
    "cifar": ("cifar", "whole"),
    "mnist": ("mnist", "whole"),
    "centred": ("centred", "crop"),
}


def swapped(normalisation: Normalisation) -> Normalisation:
    """Return it with the other order of colours: each keeps its own mean and deviation.

    >>> swapped(NORMALISATIONS["caffe"]).mean
    (123.68, 116.779, 103.939)
    """
    other: Literal["RGB", "BGR"] = "RGB" if normalisation.channels == "BGR" else "BGR"
    mean, std = normalisation.mean, normalisation.std
    return replace(normalisation, mean=mean[::-1], std=std[::-1], channels=other)


def preprocessing_of(
    normalisation: Normalisation, geometry: Geometry, taken: ImageInput, resolution: tuple[int, int]
) -> ImagePreprocessing:
    """Return both for a model's input, at a resolution (height, width)."""
    return ImagePreprocessing(
        resolution=resolution,
        crop_fraction=geometry.crop_fraction,
        fit=geometry.fit,
        interpolation=geometry.interpolation,
        mean=normalisation.mean,
        std=normalisation.std,
        channels="GRAY" if taken.channels == 1 else normalisation.channels,
        layout=taken.layout,
    )
