"""What the one input of a model says of the pictures it takes: size, colours, order of the axes, element type."""

from collections.abc import Sequence
from typing import Literal

from compsel.inputs.tensor_specs import TensorSpec
from compsel.values import dataclass

__all__ = ["ImageInput", "image_input"]

_TYPES = ("float32", "float16", "float64", "uint8", "int8")
_SMALLEST, _LARGEST = 8, 4096


@dataclass(frozen=True, slots=True)
class ImageInput:
    """An input that pictures fit.

    Attributes:
        layout: order of the axes.
        height, width: in pixels; None where any is allowed.
        channels: 3 (colours) or 1 (grey).
        dtype: numpy name of the element type.

    >>> image_input([TensorSpec("x", "float32", (None, 224, 224, 3))])
    ImageInput(layout='NHWC', height=224, width=224, channels=3, dtype='float32')
    """

    layout: Literal["NCHW", "NHWC"]
    height: int | None
    width: int | None
    channels: Literal[1, 3]
    dtype: str

    def resolution(self, side: int) -> tuple[int, int]:
        """Return (height, width) in pixels, `side` where any is allowed."""
        return (self.height or side, self.width or side)


def image_input(inputs: Sequence[TensorSpec]) -> ImageInput | None:
    """Return what the one input of a model takes; None where no picture fits it.

    Args:
        inputs: of the model.
    """
    if len(inputs) != 1 or inputs[0].shape is None or len(inputs[0].shape) != 4 or inputs[0].dtype not in _TYPES:
        return None
    batch, first, second, last = inputs[0].shape
    if batch not in (None, 1):
        return None
    # where both ends could be the colours, the customary layout of ONNX is meant
    for colours in (3, 1):
        if first == colours and _are_sides(second, last):
            return ImageInput("NCHW", second, last, colours, inputs[0].dtype)
        if last == colours and _are_sides(first, second):
            return ImageInput("NHWC", first, second, colours, inputs[0].dtype)
    return None


def _are_sides(height: int | None, width: int | None) -> bool:
    return all(side is None or _SMALLEST <= side <= _LARGEST for side in (height, width))
