"""`compsel.head` and `compsel.student`: models that are fitted to samples."""

import os
from typing import Any

from compsel.building.preprocessing_search.resolve import with_preprocessing
from compsel.building.verbs.given import Classes, Preprocess, as_models, as_samples, samples_for
from compsel.building.verbs.places import with_places
from compsel.errors import UsageError
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.progress import Reporter
from compsel.progress.interactive import reporter_or_default
from compsel.techniques.heads.fitting import FittedModel, fit_head
from compsel.techniques.students.making import make_student
from compsel.techniques.students.static_encoder import StaticEncoder, make_static_encoder

__all__ = ["head", "student"]

ModelOrPath = str | os.PathLike[str] | Model


# many parameters: encoder, samples and out are what everybody gives; the others are rarely set, and independent
@with_places(read=("encoder", "teacher", "tokenizer", "samples"), written=("out",))
def head(
    encoder: ModelOrPath,
    samples: Any,
    out: str | os.PathLike[str] | None = None,
    *,
    preprocess: Preprocess = None,
    classes: Classes = None,
    tokenizer: str | os.PathLike[str] | None = None,
    teacher: ModelOrPath | None = None,
    reporter: Reporter | None = None,
) -> FittedModel:
    """Fit a linear classifier on what an encoder gives, by cross-validation.

    Args:
        encoder: model whose first output is used, or its path.
        samples, preprocess, classes, tokenizer, reporter: see `compsel.build`.
        out: ONNX file that the classifier is written to; None: it is not.
        teacher: classifier whose answers are learned where not all samples have labels.

    Raises:
        SamplesError, NotApplicableError: see `compsel.techniques.heads.fitting.fit_head`.
        ModelError: a model that cannot be read.
    """
    (opened,) = as_models(encoder, preprocess=preprocess, classes=classes, tokenizer=tokenizer)
    found = _said(samples_for([opened], samples), reporter)
    (opened,) = with_preprocessing([opened], found, reporter_or_default(reporter), search=False)
    return _saved(fit_head(opened, found, teacher=_one(teacher)), out)


# many parameters: samples and out are what everybody gives; the others are rarely set, and independent
@with_places(read=("encoder", "teacher", "tokenizer", "samples"), written=("out",))
def student(
    samples: Any = None,
    out: str | os.PathLike[str] | None = None,
    *,
    encoder: ModelOrPath | None = None,
    preprocess: Preprocess = None,
    classes: Classes = None,
    tokenizer: str | os.PathLike[str] | None = None,
    teacher: ModelOrPath | None = None,
    width: int | None = None,
    reporter: Reporter | None = None,
) -> FittedModel | StaticEncoder:
    """Make a cheap model: a classifier from samples, or from an encoder alone a static one.

    A classifier stands on n-grams for texts, on small features for images. An encoder whose texts, if there are any,
    have no labels becomes a static encoder: the vectors of its vocabulary, looked up and averaged.

    Args:
        samples, reporter: see `compsel.build`; None: the encoder's vocabulary is all.
        out, teacher: see `compsel.head`.
        encoder: for texts: its tokenizer is used, and static vectors of its vocabulary beside the n-grams.
        preprocess, classes, tokenizer: of the encoder.
        width: principal components that a static encoder keeps; None: all.

    Raises:
        UsageError: a tokenizer without an encoder, neither samples nor an encoder, a width of another model.
        SamplesError, NotApplicableError: see `compsel.techniques.students.making.make_student`.
        ModelError: a model that cannot be read.
    """
    if tokenizer is not None and encoder is None:
        raise UsageError("tokenizer: is that of an encoder: give encoder too")
    if width is not None and width < 1:
        raise UsageError(f"width: got {width}, allowed is 1 or more")
    opened = None
    if encoder is not None:
        (opened,) = as_models(encoder, preprocess=preprocess, classes=classes, tokenizer=tokenizer)
    found = samples
    if samples is not None:
        found = as_samples(samples) if opened is None else samples_for([opened], samples)
    if opened is not None and teacher is None and (found is None or all(label is None for label in found.labels)):
        made = make_static_encoder(opened, found, width=width)
        if out is not None:
            made.model.save(out)
        return made
    if found is None:
        raise UsageError("samples: are needed without an encoder, and with a teacher")
    if width is not None:
        raise UsageError("width: is that of a static encoder, which is made without labels and teacher")
    return _saved(make_student(_said(found, reporter), encoder=opened, teacher=_one(teacher)), out)


def _one(model: ModelOrPath | None) -> Model | None:
    return None if model is None else as_models(model)[0]


def _said(samples: Samples, reporter: Reporter | None) -> Samples:
    """Say what the samples are, and return those that can be read."""
    said = reporter_or_default(reporter)
    samples.say(said)
    return samples.readable(said)


def _saved(fitted: FittedModel, out: str | os.PathLike[str] | None) -> FittedModel:
    if out is not None:
        fitted.model.save(out)
    return fitted
