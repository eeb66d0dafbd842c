"""The table of modalities, and the look-ups in it: by model, by samples, by stored preprocessing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.errors import ModelError
from compsel.inputs.image import IMAGE
from compsel.inputs.modality import Modality, ModelLike
from compsel.inputs.preprocessing import Preprocessing
from compsel.inputs.tensors import TENSORS
from compsel.inputs.text import TEXT

if TYPE_CHECKING:
    from compsel.inputs.samples import Samples

__all__ = ["MODALITIES", "modality_of", "open_samples", "preprocessing_from_dict", "preprocessing_from_json"]

#: the first that takes a model is its modality; every model takes tensors, so that these are the last
MODALITIES: tuple[Modality, ...] = (
    IMAGE,
    TEXT,
    TENSORS,
)


def modality_of(model: ModelLike) -> Modality:
    """Return the modality of a model, or of a variant.

    >>> from compsel.networks import build
    >>> modality_of(build("mobilenet-v1", width=0.25, resolution=32)).name
    'image'
    """
    return next(modality for modality in MODALITIES if modality.takes(model))


def open_samples(path: Path) -> "Samples":
    """Open the samples of the modality that recognises a path; images, where none does.

    Raises:
        SamplesError: there are none, or damaged ones.
    """
    return next((modality for modality in MODALITIES if modality.recognises(path)), IMAGE).open_samples(path)


def preprocessing_from_dict(content: Mapping[str, Any]) -> Preprocessing:
    """Read the JSON form of a preprocessing of any kind.

    Raises:
        ModelError: no such kind, or fields that are not allowed.

    >>> preprocessing_from_dict({"kind": "image", "resolution": [224, 224]}).resolution
    (224, 224)
    """
    classes = [modality.preprocessing for modality in MODALITIES if modality.preprocessing is not None]
    for preprocessing in classes:
        if preprocessing.kind == content.get("kind"):
            return preprocessing.from_dict(content)
    allowed = " or ".join(repr(preprocessing.kind) for preprocessing in classes)
    raise ModelError(f"preprocessing: got kind {content.get('kind')!r}, allowed is {allowed}")


def preprocessing_from_json(text: str) -> Preprocessing:
    """Read the text that travels in the metadata of an ONNX file.

    Raises:
        ModelError: not such a text.
    """
    try:
        return preprocessing_from_dict(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"preprocessing in the model's metadata cannot be read: {error}") from error
