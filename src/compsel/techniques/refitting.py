"""Fit a model that learned from samples anew, with the options that were found, on other samples."""

from compsel.errors import TechniqueError
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.techniques.heads.fitting import refit_head
from compsel.techniques.heads.learned import learned_of
from compsel.techniques.heads.linear_layer import has_head
from compsel.techniques.heads.targets import class_targets
from compsel.techniques.students.static_encoder import KIND as STATIC_ENCODER
from compsel.techniques.students.static_encoder import refit_static_encoder
from compsel.techniques.students.text_student import refit_text_student

__all__ = ["refit"]

_HEADS = ("head", "early-exit")


def refit(model: Model, samples: Samples, teacher: Model | None = None) -> Model:
    """Fit a learned model anew on other samples, such as all but a fold, with the options that were found before.

    Nothing that was learned before is a start of the fit.

    Args:
        model: that learned (`compsel.techniques.heads.learned.learned_of`), as it was fitted: not compressed since.
        samples: to learn from.
        teacher: full model whose answers count where not all samples have labels.

    Raises:
        TechniqueError: a model that did not learn, or was compressed after it had.
        SamplesError: no labels and no teacher.
    """
    learned = learned_of(model)
    if learned is None:
        raise TechniqueError(f"{model.name!r} did not learn from samples: there is nothing to fit anew")
    if learned.kind in _HEADS or (learned.kind == "student" and has_head(model)):
        return refit_head(model, learned, samples, teacher)
    if learned.kind == "student":
        classes = model.outputs[0].shape[-1] if model.outputs[0].shape else None
        return refit_text_student(model, learned, samples, class_targets(samples, classes or 0, teacher))
    if learned.kind == STATIC_ENCODER:
        return refit_static_encoder(model, learned, samples, teacher)
    raise TechniqueError(f"{model.name!r} learned as {learned.kind!r}, which this version does not know: fit it again")
