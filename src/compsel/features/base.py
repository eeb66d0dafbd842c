"""What every feature extractor obeys: an input goes in, a vector of named numbers comes out."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from compsel.errors import SelectorError

__all__ = ["FeatureExtractor"]


class FeatureExtractor(ABC):
    """Describes an input by numbers, before any inference. The same input gives the same numbers.

    `extract` checks what comes out; subclasses set `names` and write `_extract`.

    Attributes:
        names: what each number is called, with its unit where it has one; unique.

    >>> class Sizes(FeatureExtractor):
    ...     names = ("height_pixels", "width_pixels")
    ...     def _extract(self, x):
    ...         return np.array(x.shape[:2], np.float32)
    >>> Sizes().extract(np.zeros((480, 640, 3), np.uint8))
    array([480., 640.], dtype=float32)
    """

    names: tuple[str, ...]

    def extract(self, x: Any) -> np.ndarray:
        """Describe one input.

        Args:
            x: an image, named tensors, a device's state: what the subclass says.

        Returns:
            float32 (n_features,) in the order of `names`; NaN where a number cannot be known.

        Raises:
            InputError: not an input of the kind that the subclass describes.
            SelectorError: the extractor broke its own contract.
        """
        values = self._extract(x)
        if values.shape != (len(self.names),) or values.dtype != np.float32:
            raise SelectorError(
                f"{type(self).__name__}: got {values.dtype} {values.shape}, allowed is float32 ({len(self.names)},): "
                "this is a defect of the extractor"
            )
        return values

    def reduction(self, height: int, width: int) -> int:
        """Return how coarsely an encoded image of this size may be decoded for it: 1, 2, 4 or 8; 1 is in full."""
        return 1

    @abstractmethod
    def _extract(self, x: Any) -> np.ndarray:
        """Return the float32 vector."""
