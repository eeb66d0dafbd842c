"""The names of classes: samples count them in the order of the models, and models that lack them get the samples'."""

from collections.abc import Sequence
from dataclasses import replace

from compsel.bundle.bundle import Bundle
from compsel.errors import ProfileError, SamplesError
from compsel.features.tasks.base import Task
from compsel.inputs.samples import Samples
from compsel.models.embeddings import gives_embedding
from compsel.models.model import Model
from compsel.progress import SILENT, Reporter

__all__ = ["check_bundle_names", "with_labels"]


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
    how = "--classes FILE, one a line; or a labels.txt beside the model"
    for model in models:
        shape = model.outputs[0].shape or ()
        if len(shape) == 2 and shape[1] is not None and not gives_embedding(model):
            _check_all_named(model.name, shape[1], samples.label_names, how)


def check_bundle_names(bundle: Bundle, samples: Samples) -> None:
    """Refuse samples whose sorted names cannot be the classes of a bundle that does not name its own.

    Raises:
        SamplesError: they name fewer classes than its models have.
    """
    if bundle.labels or bundle.summary.get("judging") is not None:
        return
    shape = next(iter(bundle.variants.values())).outputs[0].shape or ()
    if len(shape) == 2 and shape[1] is not None:
        _check_all_named("this bundle", shape[1], samples.label_names, "a labels.txt beside the samples")


def _check_all_named(name: str, n_classes: int, names: Sequence[str], how: str) -> None:
    """Raise SamplesError where samples name some of the classes of a model, which then cannot be counted.

    Args:
        name: of the model, which names no classes.
        n_classes: that it has.
        names: of the classes of the samples; () where labels are numbers.
        how: to name all of them.
    """
    if n_classes > len(names) > 1:
        raise SamplesError(
            f"{name} has {n_classes} outputs and no names of classes, the samples name {len(names)} classes "
            f"({names[0]}, {names[1]}, ...): give the names in the order of its outputs ({how}), or numbers as labels"
        )
