"""The technique that compresses nothing: what everything else is compared with."""

from dataclasses import dataclass
from typing import ClassVar

from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.techniques.base import Technique

__all__ = ["NoCompression"]


@dataclass(frozen=True)
class NoCompression(Technique):
    """The model as it is.

    >>> NoCompression().spec
    'none'
    """

    name: ClassVar[str] = "none"

    def _transform(self, model: Model, calibration: Samples | None) -> Model:
        return model
