"""A student from samples alone, or with a user's encoder."""

from dataclasses import replace

from compsel.errors import NotApplicableError, SamplesError
from compsel.inputs.samples import Samples
from compsel.inputs.text import TEXT
from compsel.inputs.texts.preprocessing import TextPreprocessing
from compsel.models.model import Model
from compsel.techniques.heads.fitting import FittedModel
from compsel.techniques.heads.targets import class_targets, in_order_of
from compsel.techniques.students.image_student import fit_image_student
from compsel.techniques.students.text_student import fit_text_student
from compsel.techniques.students.trained_tokenizer import train_tokenizer

__all__ = ["make_student"]


def make_student(samples: Samples, *, encoder: Model | None = None, teacher: Model | None = None) -> FittedModel:
    """Make a cheap classifier from samples: n-grams for texts, small features for images, and a linear head.

    Args:
        samples: texts or images.
        encoder: for texts: its tokenizer is used, and its static vectors beside the n-grams.
        teacher: classifier whose answers are learned where not all samples have labels.

    Raises:
        SamplesError: no labels and no teacher, too few samples of a class, or samples of another kind.
        NotApplicableError: an encoder that has no tokenizer or gives no vectors of its tokens.
    """
    samples, names = in_order_of(samples, teacher)
    said = [label for label in samples.labels if label is not None]
    width = None if teacher is None or teacher.outputs[0].shape is None else teacher.outputs[0].shape[-1]
    classes = len(names) or width or (max(said) + 1 if said else 0)
    if not classes:
        raise SamplesError("the samples have no labels: give some, or a classifier whose answers are learned")
    targets = class_targets(samples, classes, teacher)
    if not isinstance(samples.value(0), str):
        if encoder is not None:
            raise SamplesError("an encoder is for texts: got other samples")
        return fit_image_student(samples, targets, names)
    if encoder is None:
        preprocessing = train_tokenizer(samples)
        return fit_text_student(samples, targets, preprocessing, labels=names)
    tokenizer = encoder.preprocessing
    if not isinstance(tokenizer, TextPreprocessing) or not TEXT.takes(encoder) or not tokenizer.tokenizer:
        raise NotApplicableError(f"student: {encoder.name!r} has no tokenizer: keep its tokenizer.json beside it")
    fitted = fit_text_student(samples, targets, tokenizer, encoder=encoder, inputs=encoder.inputs, labels=names)
    return replace(fitted, model=replace(fitted.model, name="student"))
