"""Read how timm prepares pictures for a model, from its `config.json`."""

from collections.abc import Mapping
from typing import Any

from compsel.inputs.images.image_input import ImageInput
from compsel.inputs.images.preprocess_option import DEFAULT_SIDE
from compsel.inputs.images.preprocessing import ImagePreprocessing

__all__ = ["pretrained_configuration", "timm_labels"]

_DEFAULT_SHARE = 0.875


def pretrained_configuration(content: Mapping[str, Any], taken: ImageInput) -> ImagePreprocessing | None:
    """Return the preprocessing that a file describes; None where it is none of timm's.

    Raises:
        TypeError, ValueError, ModelError: values that are none.
    """
    found = content.get("pretrained_cfg", content)
    if not isinstance(found, Mapping) or "mean" not in found or "std" not in found:
        return None
    side = int(found.get("input_size", (3, DEFAULT_SIDE, DEFAULT_SIDE))[1])
    mean, std = (tuple(round(255 * float(value), 6) for value in found[key]) for key in ("mean", "std"))
    return ImagePreprocessing(
        resolution=taken.resolution(side),
        crop_fraction=min(1.0, float(found.get("crop_pct") or _DEFAULT_SHARE)),
        fit="stretch" if found.get("crop_mode") == "squash" else "crop",
        interpolation="bilinear" if found.get("interpolation") == "bilinear" else "bicubic",
        mean=mean * (3 // len(mean)),
        std=std * (3 // len(std)),
        channels="GRAY" if taken.channels == 1 else "RGB",
        layout=taken.layout,
    )


def timm_labels(content: Mapping[str, Any]) -> Any:
    """Return the names of the classes, where the file has them."""
    found = content.get("pretrained_cfg")
    inner = found.get("label_names") if isinstance(found, Mapping) else None
    return content.get("label_names") or inner
