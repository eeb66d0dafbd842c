"""Models and samples as they are given to the verbs: paths, or what was opened before."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Any

from compsel.building.preprocessing_search.resolve import complete, lacks_preprocessing
from compsel.errors import InputError, SamplesError, UsageError
from compsel.inputs.image import IMAGE
from compsel.inputs.images.encoded import EncodedImage
from compsel.inputs.images.preprocessing import ImagePreprocessing
from compsel.inputs.modalities import modality_of, open_samples
from compsel.inputs.modality import Modality
from compsel.inputs.samples import ImageFiles, Samples
from compsel.inputs.tensors import TENSORS
from compsel.inputs.text import TEXT
from compsel.models.model import Model
from compsel.progress import Reporter

__all__ = ["Classes", "Preprocess", "as_models", "as_samples", "check_kind", "lean_model", "lean_models", "samples_for"]

Paths = str | os.PathLike[str]
Preprocess = ImagePreprocessing | str | None
Classes = Sequence[str] | str | os.PathLike[str] | None


def as_models(models: Paths | Model | Sequence[Paths | Model], **options: Any) -> list[Model]:
    """Return one model or several, given as paths or opened.

    Args:
        models: what is given.
        options: of `Model.load`, for those given as paths; None is left out.

    Raises:
        UsageError: no model.
        ModelError: one that cannot be read.
    """
    given = [models] if isinstance(models, (str, os.PathLike, Model)) else list(models)
    if not given:
        raise UsageError("models: got none, give at least one: a path of an ONNX file, or a compsel.Model")
    known = {name: value for name, value in options.items() if value is not None}
    return [model if isinstance(model, Model) else Model.load(model, **known) for model in given]


def lean_model(given: Paths | Model, model: Model, **options: Any) -> Model | Path:
    """Return a model as its path, where that says all of it, for it may be large; else the model.

    Args:
        given: the model, or its path.
        model: the same, read, with what samples showed of it.
        options: see `as_models`.
    """
    said = any(value not in (None, "auto") for value in options.values())
    return model if said or model.searched or isinstance(given, Model) else Path(given)


def lean_models(
    models: Paths | Model | Sequence[Paths | Model], samples: Any, reporter: Reporter, **options: Any
) -> tuple[list[Model | Path], Samples | None]:
    """Return models, each as its path where that says all of it (`lean_model`), and the samples; say what these are.

    Args:
        models, options: see `as_models`.
        samples: see `as_samples`; they show how pictures are prepared where nothing says it. None: none.
        reporter: hears it.

    Raises:
        CompselError: what cannot be read, or is not clear.
    """
    listed = [models] if isinstance(models, (str, os.PathLike, Model)) else list(models)
    opened = as_models(listed, **options)
    found = None
    if samples is not None:
        found = samples_for(opened, samples).readable(reporter)
        found.say(reporter)
        opened = [complete(model, found, reporter) for model in opened]
    return [lean_model(given, model, **options) for given, model in zip(listed, opened, strict=True)], found


def as_samples(samples: Any, modality: Modality | Callable[[], Modality] | None = None) -> Samples:
    """Return samples that are given as such, or as anything that `open_samples` takes.

    Args:
        samples: these, or a function that opens them for a modality.
        modality: of the models, or what tells it.

    Raises:
        SamplesError: what it does not take, or no samples.
    """
    if isinstance(samples, (FunctionType, partial)):
        opened: Samples = samples(modality)
        return opened
    return open_samples(samples, modality=modality)


def samples_for(models: Sequence[Model], samples: Any) -> Samples:
    """Return samples as the first of the models takes them; see `as_samples`.

    Raises:
        SamplesError: texts for a model of pictures, or the reverse; or what `as_samples` raises.
    """
    model = models[0]
    found = as_samples(samples, modality_of(model))
    check_kind(found, IMAGE if lacks_preprocessing(model) else modality_of(model), model.name)
    return found


def check_kind(samples: Samples, modality: Modality, name: str) -> None:
    """Refuse texts where pictures are taken, and pictures where texts or tensors are.

    Args:
        samples: the first tells.
        modality: what is taken.
        name: of what takes it, in messages.

    Raises:
        SamplesError: the other ones.
    """
    try:
        value = samples.undecoded(0)
    except (InputError, SamplesError):
        return  # one that is damaged: others are read later
    if modality is IMAGE and isinstance(value, str):
        raise SamplesError(
            f"{name} takes pictures, got {samples.description}: give a folder of images, or name the column of a table "
            "that holds their paths: --file COLUMN, or file='COLUMN'"
        )
    if modality is TENSORS and (isinstance(value, EncodedImage) or isinstance(samples, ImageFiles)):
        raise SamplesError(
            f"{name} takes tensors, got {samples.description}: give a folder of .npz files with its inputs by name, or "
            "an .npz with a sample a row"
        )
    if modality is TEXT and (isinstance(value, EncodedImage) or isinstance(samples, ImageFiles)):
        raise SamplesError(
            f"{name} takes texts, got {samples.description}: give a table of texts, or name the column that holds "
            "them: --text COLUMN, or text='COLUMN'"
        )
