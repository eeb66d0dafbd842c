"""Preprocessing of images: crop first, resize the bytes, then normalise (mostly inside the graph).

Cropping before resizing touches fewer pixels than resizing the whole photograph, and bytes are four times
smaller than floats; the normalisation (x - mean) / std is folded into the graph where that is possible
(`compsel.models.pixel_input`), so that the session is fed bytes.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal, Self, get_args

import cv2
import numpy as np

from compsel.errors import InputError, ModelError, did_you_mean
from compsel.inputs.images.encoded import EncodedImage, Picture
from compsel.inputs.images.reduction import halve, largest_reduction
from compsel.inputs.preprocessing import Preprocessing
from compsel.values import dataclass

__all__ = ["ImagePreprocessing", "Interpolation"]

Interpolation = Literal["bilinear", "bicubic", "area"]
_WORDS = {
    "fit": ("crop", "stretch"),
    "interpolation": get_args(Interpolation),
    "channels": ("RGB", "BGR", "GRAY"),
    "layout": ("NCHW", "NHWC"),
}
_FLAGS = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}
# above this reduction factor the interpolating kernels skip pixels (aliasing): the mean over areas takes over
_AREA_FROM = 2.0
_LONGEST = 8192  # pixels a side: the tensor of a square has 800 MB
# What has more than _LARGE bytes is halved before, down to so many times the resolution: in two thirds to a fifth of
# the time. Down to twice the resolution would be faster still, and cost a network that is sensitive to blur 1.5 points.
_HALVED_TO = 4.0
_LARGE = 6 << 20
# So many pixels a side of the resolution, at least, has the crop of a picture that was decoded at a reduced scale. Its
# pixels are means already. Means of m pixels of these would be means of both, blurred: their variance is (1 + 1/m^2)
# times that of a mean in one step. Bilinear interpolation adds as much as is missing at m = sqrt(3), too little above:
# up to 2.5 that costs no accuracy, while means do. Below, bilinear blurs too: `benchmarks/bytes.py`.
_REDUCED_AREA_FROM = 2.5
_MARGIN = 1.75


@dataclass(frozen=True, slots=True)
class ImagePreprocessing(Preprocessing):
    """Crop, resize and normalise one image; the same arithmetic in training and on the device.

    Attributes:
        resolution: (height, width) in pixels of what the network sees.
        crop_fraction: side of the central crop as a fraction of the largest crop with the aspect ratio of
            `resolution`; 1.0 takes all of it. "Shorter side to 256, centre crop 224" is 224 / 256.
        fit: "crop" keeps the aspect ratio of the content, "stretch" resizes the whole image to `resolution` (of both
            sides the fraction, where that is below 1: "both sides to 256, centre crop 224").
        interpolation: how pixels are made when the crop is resized ("area" is used for reductions above 2x).
        mean, std: per channel, in units of 0..255: the network sees (pixel - mean) / std.
        channels: order of the channels that the network expects; "GRAY" is one, the luma of ITU-R BT.601 (the first of
            `mean` and `std` counts).
        layout: order of the axes of the model's tensor.

    >>> preprocessing = ImagePreprocessing(resolution=(4, 4), mean=(127.0,) * 3, std=(128.0,) * 3)
    >>> preprocessing.pixels(np.full((20, 30, 3), 255, np.uint8)).shape
    (4, 4, 3)
    >>> float(preprocessing.tensor(np.full((20, 30, 3), 255, np.uint8))[0, 0, 0, 0])
    1.0
    """

    kind = "image"

    resolution: tuple[int, int]
    crop_fraction: float = 1.0
    fit: Literal["crop", "stretch"] = "crop"
    interpolation: Interpolation = "bilinear"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    channels: Literal["RGB", "BGR", "GRAY"] = "RGB"
    layout: Literal["NCHW", "NHWC"] = "NCHW"

    def __post_init__(self) -> None:
        if len(self.resolution) != 2 or not all(type(side) is int and 0 < side <= _LONGEST for side in self.resolution):
            got = str(self.resolution)[:80]
            raise ModelError(
                f"preprocessing: got resolution {got}, allowed is (height, width), up to {_LONGEST} pixels"
            )
        if not 0 < self.crop_fraction <= 1:
            raise ModelError(f"preprocessing: got crop_fraction {self.crop_fraction}, allowed is 0 to 1")
        for name, allowed in _WORDS.items():
            if (word := getattr(self, name)) not in allowed:
                near = did_you_mean(str(word), allowed)
                raise ModelError(f"preprocessing: got {name} {word!r}, allowed are {', '.join(allowed)}{near}")
        finite = np.isfinite((*self.mean, *self.std)).all()
        if len(self.mean) != 3 or len(self.std) != 3 or not finite or min(self.std) <= 0:
            raise ModelError(f"preprocessing: got mean {self.mean} and std {self.std}, allowed are 3 each, std > 0")

    def pixels(self, image: np.ndarray | EncodedImage) -> np.ndarray:
        """Crop and resize an RGB image.

        Args:
            image: uint8 (height, width, 3), RGB; or a file, which is decoded as finely as `reduction` says, unless it
                is decoded more finely already.

        Returns:
            uint8 (resolution height, resolution width, 3), RGB, contiguous.

        Raises:
            InputError: not a uint8 (height, width, 3) array, or an empty one.
            ImageError: a file that cannot be decoded.
        """
        if isinstance(image, EncodedImage):
            return self._resized(image.decode(self.reduction(image.height, image.width)))
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            got = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise InputError(f"image: got {got}, allowed is a uint8 (height, width, 3) RGB array")
        if image.size == 0:
            raise InputError(f"image: got an empty one, shape {image.shape}, allowed is at least one pixel")
        return self._resized(Picture(image, 1, *image.shape[:2]))

    def reduction(self, height: int, width: int) -> int:
        """Return how coarsely an image of this size may be decoded: 1, 2, 4, or 8 pixels a side become one.

        The crop still has `_MARGIN` times the pixels of the resolution, upright or on its side: what a header says of
        the size does not tell how the picture is oriented.
        """
        want_height, want_width = self.resolution
        shorter, longer = self.crop_fraction * min(height, width), max(want_height, want_width)
        return largest_reduction(shorter / (_MARGIN * longer))

    def normalise(self, pixels: np.ndarray) -> np.ndarray:
        """Turn uint8 (height, width, 3) RGB pixels into the model's tensor: float32, batch of one."""
        if self.channels == "GRAY":
            grey = (cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) - np.float32(self.mean[0])) / np.float32(self.std[0])
            return np.asarray(grey[None, None] if self.layout == "NCHW" else grey[None, :, :, None])
        if self.channels == "BGR":
            pixels = pixels[:, :, ::-1]
        # operands of one element broadcast faster than per-channel ones; they are the rule
        mean, std = (np.float32(v[0]) if len(set(v)) == 1 else np.array(v, np.float32) for v in (self.mean, self.std))
        if self.layout == "NHWC":
            return ((pixels - mean) / std)[None].astype(np.float32, copy=False)
        planes = pixels.transpose(2, 0, 1)
        if np.ndim(mean) or np.ndim(std):
            mean, std = (np.broadcast_to(v, 3).reshape(3, 1, 1) for v in (mean, std))
        tensor = np.empty((1, *planes.shape), np.float32)
        np.subtract(planes, mean, out=tensor[0], dtype=np.float32)
        tensor /= std
        return tensor

    def tensor(self, image: np.ndarray | EncodedImage) -> np.ndarray:
        """Turn a uint8 (height, width, 3) RGB image, or a file, into the model's tensor: float32, batch of one."""
        return self.normalise(self.pixels(image))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form (as in bundles)."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        if content.get("kind") != cls.kind:
            raise ModelError(f"preprocessing: got kind {content.get('kind')!r}, allowed is {cls.kind!r}")
        fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in content.items()}
        del fields["kind"]
        return cls(**fields)

    def _resized(self, picture: Picture) -> np.ndarray:
        whole = self.fit == "stretch" and self.crop_fraction == 1
        crop = picture.pixels if whole else self._crop(picture)
        height, width = self.resolution
        if crop.shape[:2] == (height, width):
            return np.ascontiguousarray(crop)
        shrinking = max(crop.shape[0] / height, crop.shape[1] / width)
        if picture.reduction > 1 and shrinking <= _REDUCED_AREA_FROM:
            return np.asarray(cv2.resize(crop, (width, height), interpolation=cv2.INTER_LINEAR))
        if shrinking <= _AREA_FROM:
            return np.asarray(cv2.resize(crop, (width, height), interpolation=_FLAGS[self.interpolation]))
        if crop.size > _LARGE:
            crop = halve(crop, largest_reduction(min(crop.shape[0] / height, crop.shape[1] / width) / _HALVED_TO))
        return np.asarray(cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA))

    def _crop(self, picture: Picture) -> np.ndarray:
        # of a reduced picture these are no whole numbers: its last row and column may stand for less than a pixel
        height, width = picture.height / picture.reduction, picture.width / picture.reduction
        rows, columns = picture.pixels.shape[:2]
        want_height, want_width = self.resolution
        scales = (height / want_height, width / want_width)
        down, across = scales if self.fit == "stretch" else (min(scales),) * 2
        crop_height = max(1, min(rows, round(want_height * down * self.crop_fraction)))
        crop_width = max(1, min(columns, round(want_width * across * self.crop_fraction)))
        top, left = (rows - crop_height) // 2, (columns - crop_width) // 2
        return picture.pixels[top : top + crop_height, left : left + crop_width]
