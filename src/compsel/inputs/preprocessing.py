"""The contract of a preprocessing: a value that travels with its model as JSON."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

__all__ = ["METADATA_KEY", "Preprocessing"]

#: where the JSON form stands in the metadata of an ONNX file
METADATA_KEY = "compsel.preprocessing"


class Preprocessing(ABC):
    """How a value of one modality becomes the tensors of a model. Subclasses are frozen dataclasses.

    Attributes:
        kind: the word in the JSON form; that of the modality.

    >>> from compsel.inputs.images.preprocessing import ImagePreprocessing
    >>> ImagePreprocessing(resolution=(224, 224)).to_dict()["kind"]
    'image'
    """

    __slots__ = ()
    kind: ClassVar[str]

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: `kind`, then the fields."""

    @classmethod
    @abstractmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gave.

        Raises:
            ModelError: another kind, or fields that are not allowed.
        """

    @property
    def files(self) -> tuple[Path, ...]:
        """Where the files lie that travel beside the model; none, before they are `opened`."""
        return ()

    @property
    def file_names(self) -> tuple[str, ...]:
        """What these files are called beside a variant."""
        return ()

    def opened(self, folder: Path) -> Self:
        """Return this preprocessing with the files that lie in the folder of its model.

        Raises:
            ModelError: a file that is not there, or has changed.
        """
        return self

    def to_json(self) -> str:
        """Return the text that travels in the ONNX metadata under `METADATA_KEY`."""
        return json.dumps(self.to_dict(), sort_keys=True)
