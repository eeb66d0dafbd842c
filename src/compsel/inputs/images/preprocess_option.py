"""Read how a person says what a model does with a picture: the name of a convention, and own values."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from compsel.errors import ModelError, UsageError, did_you_mean
from compsel.inputs.images.conventions import CONVENTIONS, GEOMETRIES, NORMALISATIONS, preprocessing_of
from compsel.inputs.images.image_input import ImageInput
from compsel.inputs.images.preprocessing import ImagePreprocessing

__all__ = ["DEFAULT_SIDE", "describe", "parse_preprocess"]

#: in pixels, where a model takes pictures of any size and nothing says which
DEFAULT_SIDE = 224
# what others say for a convention
_MEANT = {
    "clip": "openai-clip",
    "hf": "huggingface-vit",
    "imagenet": "torchvision",
    "inception": "keras-inception",
    "mobilenet": "keras-mobilenet",
    "none": "raw",
    "pytorch": "torchvision",
    "resnet": "torchvision",
    "tf": "tensorflow",
    "torch": "torchvision",
    "vit": "huggingface-vit",
    "yolo": "ultralytics",
}
_KEYS = {
    "resize": "the shorter side in pixels (256), or both (256x256: the picture is stretched)",
    "crop": "the side of the central crop in pixels (224), or both sides (height x width)",
    "mean": "one number or three (0.485/0.456/0.406), for red, green, blue in the model's order",
    "std": "as mean",
    "range": "1 or 255: what the largest pixel is before mean and std (1 where these are at most 1, else 255)",
    "order": "rgb, bgr or gray",
    "layout": "nchw or nhwc",
    "interpolation": "bilinear, bicubic or area",
}


def parse_preprocess(text: str, taken: ImageInput) -> ImagePreprocessing:
    """Read "NAME", "KEY=VALUE,..." or "NAME,KEY=VALUE,...".

    Args:
        text: see `CONVENTIONS` for the names; keys are resize, crop, mean, std, range, order, layout, interpolation.
        taken: the input of the model that it is for.

    Raises:
        UsageError: no such name or key, a value that is not allowed, or that the model's input contradicts.

    >>> taken = ImageInput("NCHW", 224, 224, 3, "float32")
    >>> parse_preprocess("resize=256,crop=224,mean=0.5,std=0.5,order=bgr", taken).mean
    (127.5, 127.5, 127.5)
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    name = words[0].lower() if words and "=" not in words[0] else None
    values = _values(words[1:] if name is not None else words)
    if not words or (name is not None and name not in CONVENTIONS):
        raise UsageError(
            f"preprocess: got {text!r}, allowed are auto, a name ({', '.join(CONVENTIONS)}), and values such as "
            "resize=256,crop=224,mean=0.485/0.456/0.406,std=0.229/0.224/0.225"
            f"{did_you_mean(name or '', CONVENTIONS, _MEANT)}"
        )
    _check_layout(values.pop("layout", None), taken)
    normalisation, geometry = CONVENTIONS[name] if name is not None else ("raw", "whole")
    resolution, shape = _shape(values, taken)
    found = preprocessing_of(NORMALISATIONS[normalisation], GEOMETRIES[geometry], taken, resolution)
    try:
        return replace(found, **shape, **_colours(values, taken, found))
    except ModelError as error:
        raise UsageError(f"preprocess: {error}") from error


def describe(preprocessing: ImagePreprocessing) -> str:
    """Return a preprocessing in the words of `--preprocess`.

    >>> describe(ImagePreprocessing((224, 224), 0.875, mean=(127.5,) * 3, std=(127.5,) * 3))
    'resize=256,crop=224,mean=0.5,std=0.5,order=rgb,interpolation=bilinear'
    """
    height, width = preprocessing.resolution
    before = [round(side / preprocessing.crop_fraction) for side in (height, width)]
    crop = str(height) if height == width else f"{height}x{width}"
    resize = f"{before[0]}x{before[1]}" if preprocessing.fit == "stretch" else str(min(before))
    mean, std = preprocessing.mean, preprocessing.std
    by_range = max(std) > 1
    scale = 255.0 if by_range else 1.0
    numbers = f"mean={_joined(mean, scale)},std={_joined(std, scale)}"
    if not by_range and max(*mean, *std) <= 1:
        numbers += ",range=255"
    elif by_range and max(value / scale for value in (*mean, *std)) > 1:
        numbers += ",range=1"
    order = preprocessing.channels.lower()
    return f"resize={resize},crop={crop},{numbers},order={order},interpolation={preprocessing.interpolation}"


def _joined(values: tuple[float, ...], scale: float) -> str:
    texts = [f"{value / scale:.4g}" if scale != 1 else f"{value:g}" for value in values]
    return texts[0] if len(set(texts)) == 1 else "/".join(texts)


def _values(words: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for word in words:
        key, equals, value = (part.strip().lower() for part in word.partition("="))
        if not equals or key not in _KEYS or not value:
            raise UsageError(f"preprocess: got {word!r}, allowed are {', '.join(f'{name}=' for name in _KEYS)}")
        if key in values:
            raise UsageError(f"preprocess: got {key} twice: give it once")
        values[key] = value
    return values


def _check_layout(layout: str | None, taken: ImageInput) -> None:
    if layout is not None and layout.upper() != taken.layout:
        raise UsageError(
            f"preprocess: got layout={layout}, but the model's input is {taken.layout.lower()}: leave it out"
        )


def _shape(values: Mapping[str, str], taken: ImageInput) -> tuple[tuple[int, int], dict[str, Any]]:
    """Return the resolution, and what is said of the crop, as fields of a preprocessing."""
    crop = _sides(values, "crop")
    resize = _sides(values, "resize")
    fixed = (taken.height, taken.width)
    resolution = taken.resolution(DEFAULT_SIDE) if None not in fixed else crop or resize or (DEFAULT_SIDE,) * 2
    if crop is not None and crop != resolution:
        raise UsageError(
            f"preprocess: got crop={values['crop']}, but the model's input is {resolution[0]}x{resolution[1]}: "
            "give that, or leave it out"
        )
    fields: dict[str, Any] = {}
    if resize is not None:
        stretched = "x" in values["resize"]
        longer = resolution.index(max(resolution))  # which says more exactly how much
        share = resolution[longer] / resize[longer] if stretched else min(resolution) / resize[0]
        same = all(abs(inner / share - outer) <= 1 for inner, outer in zip(resolution, resize, strict=True))
        if share > 1 or (stretched and not same):
            raise UsageError(
                f"preprocess: got resize={values['resize']}, but the model's input is "
                f"{resolution[0]}x{resolution[1]}: allowed is that, or larger in the same proportion"
            )
        fields = {"crop_fraction": share, "fit": "stretch" if stretched else "crop"}
    elif crop is not None:
        fields = {"crop_fraction": 1.0}
    if "interpolation" in values:
        fields["interpolation"] = values["interpolation"]
    return resolution, fields


def _sides(values: Mapping[str, str], key: str) -> tuple[int, int] | None:
    if key not in values:
        return None
    found = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", values[key])
    if found is None or int(found[1]) < 1 or (found[2] and int(found[2]) < 1):
        raise UsageError(f"preprocess: got {key}={values[key]}, allowed is {_KEYS[key]}")
    return int(found[1]), int(found[2] or found[1])


def _colours(values: Mapping[str, str], taken: ImageInput, base: ImagePreprocessing) -> dict[str, Any]:
    """Return what is said of the numbers, as fields of a preprocessing; the rest is that of the base."""
    fields: dict[str, Any] = {}
    order = values.get("order", "").upper().replace("GREY", "GRAY")
    if order:
        if (order == "GRAY") != (taken.channels == 1):
            raise UsageError(
                f"preprocess: got order={order.lower()}, but the model's input has {taken.channels} channels"
            )
        fields["channels"] = order
    if "mean" in values or "std" in values or "range" in values:
        if "mean" not in values and "std" not in values:
            raise UsageError("preprocess: got range without mean or std: say what it is the range of")
        mean, std = _numbers(values, "mean", 0.0), _numbers(values, "std", 1.0)
        most = values.get("range", "1" if max(*mean, *std) <= 1 else "255")
        if most not in ("1", "255"):
            raise UsageError(f"preprocess: got range={most}, allowed is {_KEYS['range']}")
        scale = 255.0 if most == "1" else 1.0
        fields["mean"] = tuple(round(value * scale, 6) for value in mean) if "mean" in values else base.mean
        fields["std"] = tuple(round(value * scale, 6) for value in std) if "std" in values else base.std
    return fields


def _numbers(values: Mapping[str, str], key: str, default: float) -> tuple[float, ...]:
    if key not in values:
        return (default,) * 3
    try:
        numbers = tuple(float(part) for part in values[key].split("/"))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3):
        raise UsageError(f"preprocess: got {key}={values[key]}, allowed is {_KEYS[key]}")
    return numbers * (3 // len(numbers))
