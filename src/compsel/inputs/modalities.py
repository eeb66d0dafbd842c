"""The table of modalities, and the look-ups in it: by model, by samples, by stored preprocessing."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.errors import ModelError, SamplesError
from compsel.inputs.image import IMAGE
from compsel.inputs.modality import Modality, ModelLike
from compsel.inputs.preprocessing import Preprocessing
from compsel.inputs.sample_options import SampleOptions
from compsel.inputs.tensors import TENSORS
from compsel.inputs.text import TEXT
from compsel.storage.paths import is_there

if TYPE_CHECKING:
    from compsel.inputs.samples import Samples

__all__ = ["MODALITIES", "modality_of", "open_samples", "preprocessing_from_dict", "preprocessing_from_json"]

_ALLOWED = (
    "a folder of images (with folders by class, or a labels.csv), a table (.csv, .tsv, .jsonl, .parquet) of texts or "
    "of image files, a folder of .npz files, or an .npz with a sample a row"
)
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


# many parameters: what a user may say of samples; all have defaults
def open_samples(
    source: Any,
    *,
    text: str | None = None,
    file: str | None = None,
    label: str | None = None,
    group: str | None = None,
    labels: Sequence[str] | str | os.PathLike[str] | None = None,
    strict: bool = False,
    modality: Modality | Callable[[], Modality] | None = None,
) -> "Samples":
    """Make samples of what people have; `description` and `notes` of what comes back say what it was taken for.

    Args:
        source: a folder of images (in folders by class, or with a table that names the files, or without labels); a
            table of texts, or one that names image files (`.csv`, `.tsv`, `.jsonl`, `.parquet`); a folder of `.npz`
            files, a sample each; an `.npz` or `.npy` with a sample a row; `(X, y)`; a dict of arrays; a DataFrame; a
            data set of torch or Hugging Face; a list or generator of inputs, or of pairs of input and label. `Samples`
            are returned as they are.
        text, file, label, group: columns (arrays, keys) of the texts, the image files, the labels, and of the groups
            that are never split between training and test; None: found by what they are usually called.
        labels: names of the classes in the order of the model's outputs, or a file with one a line.
        strict: whether it is an error that something is missing or cannot be read; else it is left out, and `notes`
            say so.
        modality: of the models, or what tells it: asked where a source could be several things.

    Raises:
        SamplesError: there are none, or damaged ones, or it is not clear what they are.

    >>> open_samples(["turn it off", "how are you"]).description
    '2 texts without labels'
    """
    options = SampleOptions(text, file, label, group, labels, strict)
    if isinstance(source, (str, os.PathLike)):
        return _open_path(Path(source), options, modality)
    from compsel.inputs.samples.opening import samples_in_memory  # the runtime reads no samples

    asked = modality() if callable(modality) else modality
    return samples_in_memory(source, options, images=asked is not TENSORS)


def _open_path(path: Path, options: SampleOptions, modality: Modality | Callable[[], Modality] | None) -> "Samples":
    if not is_there(path):
        raise SamplesError(f"{path}: no such file or folder: give {_ALLOWED}")
    named = TEXT if options.text is not None else IMAGE if options.file is not None else None
    could = [one for one in MODALITIES if one.recognises(path)]
    if named is TEXT and path.is_dir():
        raise SamplesError(f"{path}: --text names a column, and this is no table of texts: give the table itself")
    if named is not None:
        could = [named]
    if len(could) > 1 and modality is not None:
        asked = modality() if callable(modality) else modality
        could = [one for one in could if one is asked] or could
    if len(could) > 1:
        kinds = " and ".join(one.name for one in could)
        raise SamplesError(
            f"{path}: holds inputs of several kinds ({kinds}): name the column (--text or --file), or put each "
            "kind into a place of its own"
        )
    if not could:
        return _open_only_table(path, options)
    return could[0].open_samples(path, options)


def _open_only_table(folder: Path, options: SampleOptions) -> "Samples":
    """Open the one table in a folder that holds nothing else."""
    from compsel.inputs.samples.table_kind import is_table  # the runtime reads no samples

    tables = sorted(path for path in folder.iterdir() if is_table(path)) if folder.is_dir() else []
    if len(tables) == 1:
        return _open_path(tables[0], options, None)
    if tables:
        names = ", ".join(path.name for path in tables)
        raise SamplesError(f"{folder}: holds several tables ({names}): give the one that counts, {tables[0]}")
    raise SamplesError(f"{folder}: has no samples: give {_ALLOWED}")


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
