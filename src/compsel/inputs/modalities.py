"""The table of modalities, and the look-ups in it: by model, by samples, by stored preprocessing."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.errors import ModelError, SamplesError
from compsel.extending.lazy_table import LazyTable
from compsel.inputs.modality import Modality, ModelLike
from compsel.inputs.preprocessing import Preprocessing
from compsel.inputs.sample_options import SampleOptions
from compsel.storage.paths import is_there
from compsel.storage.strict_json import parse_json

if TYPE_CHECKING:
    from compsel.inputs.samples import Samples

__all__ = ["MODALITIES", "modality_of", "open_samples", "preprocessing_from_dict", "preprocessing_from_json"]

_ALLOWED = (
    "a folder of images (with folders by class, or a labels.csv), a table (.csv, .tsv, .jsonl, .parquet) of texts or "
    "of image files, a folder of .npz files, or an .npz with a sample a row"
)
_STRINGS = ("string", "other")
#: the first that takes a model is its modality; every model takes tensors, so that these are the last
MODALITIES: LazyTable[Modality] = LazyTable(
    {
        "image": "compsel.inputs.image:IMAGE",
        "text": "compsel.inputs.text:TEXT",
        "tensors": "compsel.inputs.tensors:TENSORS",
    }
)


def modality_of(model: ModelLike) -> Modality:
    """Return the modality of a model, or of a variant.

    >>> from compsel.networks import build
    >>> modality_of(build("mobilenet-v1", width=0.25, resolution=32)).name
    'image'
    """
    preprocessing = model.preprocessing
    likely: Iterable[str] = () if preprocessing is None else (preprocessing.kind,)
    if preprocessing is None and not any(spec.dtype in _STRINGS for spec in model.inputs):
        # of those without a preprocessing, only tensors hold numbers: the others need not be imported
        likely = list(MODALITIES)[-1:]
    kinds = (*(name for name in likely if name in MODALITIES), *MODALITIES)
    return next(modality for name in kinds if (modality := MODALITIES[name]).takes(model))


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
        from compsel.storage.locations.using import fetch  # the runtime opens no samples

        return _open_path(fetch(source), options, modality)
    from compsel.inputs.samples.opening import samples_in_memory  # the runtime reads no samples

    asked = modality() if callable(modality) else modality
    return samples_in_memory(source, options, images=asked is None or asked.name != "tensors")


def _open_path(path: Path, options: SampleOptions, modality: Modality | Callable[[], Modality] | None) -> "Samples":
    if not is_there(path):
        raise SamplesError(f"{path}: no such file or folder: give {_ALLOWED}")
    by_column = "text" if options.text is not None else "image" if options.file is not None else None
    named = None if by_column is None else MODALITIES[by_column]
    could = [one for one in MODALITIES.values() if one.recognises(path)]
    if by_column == "text" and path.is_dir():
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
    if not isinstance(content, Mapping):
        raise ModelError(f"preprocessing: got {type(content).__name__}, allowed is an object with a kind")
    kind = content.get("kind")
    found = MODALITIES[kind].preprocessing if isinstance(kind, str) and kind in MODALITIES else None
    if found is not None:
        return found.from_dict(content)
    allowed = " or ".join(repr(one.name) for one in MODALITIES.values() if one.preprocessing is not None)
    raise ModelError(f"preprocessing: got kind {kind!r}, allowed is {allowed}")


def preprocessing_from_json(text: str) -> Preprocessing:
    """Read the text that travels in the metadata of an ONNX file.

    Raises:
        ModelError: not such a text.
    """
    try:
        return preprocessing_from_dict(parse_json(text))
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        raise ModelError(f"preprocessing in the model's metadata cannot be read: {error}") from error
