"""Read how an image processor of Hugging Face's transformers prepares pictures, from its `preprocessor_config.json`."""

from collections.abc import Mapping
from typing import Any

from compsel.inputs.images.image_input import ImageInput
from compsel.inputs.images.preprocess_option import DEFAULT_SIDE
from compsel.inputs.images.preprocessing import ImagePreprocessing, Interpolation

__all__ = ["image_processor"]

# Pillow's codes of resampling filters; what has no match here is drawn with the nearest in kind
_RESAMPLING: dict[int, Interpolation] = {0: "bilinear", 1: "bicubic", 2: "bilinear", 3: "bicubic", 4: "area", 5: "area"}
# these resize the shorter side to more than they keep, by a share that is not in the file
_LEVIT_SHARE, _CROP_SHARE = 224 / 256, 224 / 256
_WHOLE_FROM = 384  # ConvNeXt's processor stretches the whole picture from this side on


def image_processor(content: Mapping[str, Any], taken: ImageInput) -> ImagePreprocessing | None:
    """Return the preprocessing that a file describes; None where it describes none of pictures.

    Args:
        content: of the `preprocessor_config.json`.
        taken: the input of the model.

    Raises:
        TypeError, ValueError, ModelError: values that are none.
    """
    kind = str(content.get("image_processor_type") or content.get("feature_extractor_type") or "")
    if "size" not in content and "image_mean" not in content and "ImageProcessor" not in kind:
        return None
    crop_fraction, fit, side = _geometry(content, kind)
    mean, std = _numbers(content)
    flipped = bool(content.get("do_flip_channel_order"))
    return ImagePreprocessing(
        resolution=taken.resolution(side),
        crop_fraction=crop_fraction,
        fit="stretch" if fit == "stretch" else "crop",
        interpolation=_RESAMPLING.get(int(content.get("resample", 2)), "bilinear"),
        mean=mean,
        std=std,
        channels="GRAY" if taken.channels == 1 else "BGR" if flipped else "RGB",
        layout=taken.layout,
    )


def _geometry(content: Mapping[str, Any], kind: str) -> tuple[float, str, int]:
    """Return the fraction that is kept, whether the picture is stretched, and the side of what the network sees."""
    size = content.get("size", DEFAULT_SIDE)
    square = isinstance(size, Mapping) and "height" in size
    side = _side(size)
    if "ConvNext" in kind or "PoolFormer" in kind or content.get("crop_pct"):
        if "ConvNext" in kind and side >= _WHOLE_FROM:
            return 1.0, "stretch", side
        return float(content.get("crop_pct") or _CROP_SHARE), "crop", side
    if "Levit" in kind:
        return _LEVIT_SHARE, "crop", side
    if content.get("do_center_crop"):
        kept = _side(content.get("crop_size", side))
        # an image processor that was given one number resizes the shorter side to it
        return min(1.0, kept / side), "stretch" if square else "crop", kept
    if isinstance(size, Mapping) and "shortest_edge" in size:
        return 1.0, "crop", side
    return 1.0, "stretch", side


def _side(size: Any) -> int:
    if isinstance(size, Mapping):
        size = size.get("shortest_edge") or size.get("height") or DEFAULT_SIDE
    if isinstance(size, (list, tuple)):
        size = size[0]
    return int(size)


def _numbers(content: Mapping[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation of pixels from 0 to 255."""
    factor = float(content.get("rescale_factor", 1 / 255)) if content.get("do_rescale", True) else 1.0
    offset = 1.0 if content.get("rescale_offset") else 0.0
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if content.get("do_normalize", True):
        mean, std = _three(content.get("image_mean", 0.5)), _three(content.get("image_std", 0.5))
    return tuple(round((one + offset) / factor, 6) for one in mean), tuple(round(one / factor, 6) for one in std)


def _three(value: Any) -> tuple[float, float, float]:
    numbers = [float(one) for one in value] if isinstance(value, (list, tuple)) else [float(value)]
    numbers = numbers * 3 if len(numbers) == 1 else numbers
    red, green, blue = numbers
    return red, green, blue
