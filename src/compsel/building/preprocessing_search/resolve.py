"""Complete models of pictures: what nothing says of their preprocessing is found out by the samples."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from compsel.building.labels import with_labels
from compsel.building.preprocessing_search.search import HOW_TO_SAY, search_preprocessing
from compsel.errors import UsageError
from compsel.inputs.images.encoded import EncodedImage
from compsel.inputs.images.image_input import ImageInput, image_input
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.progress import SILENT, Reporter

__all__ = ["complete", "lacks_preprocessing", "with_preprocessing"]


def with_preprocessing(
    models: Sequence[Model], samples: Samples, reporter: Reporter = SILENT, *, search: bool = True
) -> list[Model]:
    """Return the models with a preprocessing where the samples are pictures; say what was understood.

    Args:
        models: as they were read.
        samples: their inputs, labelled in the order of the models' classes.
        reporter: hears what was found, and where.
        search: whether their answers are class scores, by which it can be found out.

    Raises:
        UsageError: a model of pictures that nothing says the preprocessing of, and no labels or class scores to find it
            by.
        ProfileError: no convention makes it right more often than guessing.
    """
    return [_completed(model, samples, reporter, search) for model in models]


def complete(model: Model, samples: Samples, reporter: Reporter = SILENT) -> Model:
    """Return one model with the preprocessing that its samples show, where nothing else says it; its names stay.

    Raises:
        UsageError, ProfileError: see `with_preprocessing`.
        SamplesError: labels that are none of the model's classes.
    """
    models, ordered = with_labels([model], samples)
    return replace(with_preprocessing(models, ordered, reporter)[0], labels=model.labels)


def lacks_preprocessing(model: Model) -> ImageInput | None:
    """Return what the input of a model takes, where that may be pictures and nothing says how they are prepared."""
    return image_input(model.inputs) if model.preprocessing is None else None


def _completed(model: Model, samples: Samples, reporter: Reporter, search: bool) -> Model:
    for note in model.notes:
        reporter.say(f"{model.name}: {note}")
    taken = lacks_preprocessing(model)
    if taken is None or not _are_pictures(samples):
        return model
    if not search or all(label is None for label in samples.labels):
        raise UsageError(
            f"{model.name} takes pictures, and nothing says how they are prepared: {HOW_TO_SAY}"
            f"{'; with labels it is found out' if search else ''}"
        )
    reporter.say(f"{model.name}: nothing says how pictures are prepared: trying the conventions on labelled samples")
    found = search_preprocessing(model, samples, taken)
    reporter.say(f"{model.name}: {found.sentence}")
    if found.label_problem:
        reporter.say(f"warning: labels: {found.label_problem}")
    return replace(model, preprocessing=found.preprocessing, searched=True)


def _are_pictures(samples: Samples) -> bool:
    value = samples.undecoded(0)
    # other arrays are what the model takes, prepared already
    rgb = isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 3 and value.shape[2] == 3
    return rgb or isinstance(value, EncodedImage)
