"""The names of classes: samples count them in the order of the models, and models that lack them get the samples'."""

from collections.abc import Sequence
from dataclasses import replace

from compsel.errors import ProfileError, SamplesError
from compsel.features.tasks.base import Task
from compsel.inputs.samples import Samples
from compsel.models.embeddings import gives_embedding
from compsel.models.model import Model
from compsel.progress import SILENT, Reporter

__all__ = ["with_labels"]


def with_labels(
    models: Sequence[Model], samples: Samples, reporter: Reporter = SILENT, task: Task | None = None
) -> tuple[list[Model], Samples]:
    """Return the models with the names of their classes, and the samples with labels in that order; say what these are.

    Raises:
        ProfileError: models with different names.
        SamplesError: labels that are none of the models' classes, or too few names for a model.
    """
    named = [model for model in models if model.labels]
    for model in named[1:]:
        if model.labels != named[0].labels:
            raise ProfileError(
                f"labels: {named[0].name} and {model.name} name their classes differently: export them with the same"
            )
    samples = samples.ordered_by(named[0].labels if named else ())
    if task is not None and task.classes:
        samples.check_classes()
    samples.say(reporter)
    if not named and (task is None or task.classes):
        _check_count(models, samples)
    return [_named(model, samples.label_names) for model in models], samples


def _named(model: Model, names: tuple[str, ...]) -> Model:
    """Return a model with the names of its classes, where it has none and they are as many as its outputs."""
    shape = model.outputs[0].shape or ()
    # of two classes one number may stand for both
    fits = bool(names) and len(shape) == 2 and shape[1] in (len(names), 1 if len(names) == 2 else len(names))
    return replace(model, labels=names) if fits and not model.labels else model


def _check_count(models: Sequence[Model], samples: Samples) -> None:
    """Raise SamplesError where sorted names cannot be the classes of a model, for it has others too."""
    names = samples.label_names
    for model in models:
        shape = model.outputs[0].shape or ()
        more = len(shape) == 2 and shape[1] is not None and shape[1] > len(names) > 1
        if more and not gives_embedding(model):
            raise SamplesError(
                f"{model.name} has {shape[1]} outputs and no names of classes, the samples name {len(names)} classes "
                f"({names[0]}, {names[1]}, ...): give the names in the order of its outputs (--classes FILE, one a "
                "line; or a labels.txt beside the model), or numbers as labels"
            )
