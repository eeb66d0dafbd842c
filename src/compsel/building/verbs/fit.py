"""`compsel.head` and `compsel.student`: models that are fitted to samples."""

import os
from typing import Any

from compsel.building.verbs.options import as_models, as_samples
from compsel.errors import UsageError
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.progress import Reporter
from compsel.progress.interactive import reporter_or_default
from compsel.techniques.heads.fitting import FittedModel, fit_head
from compsel.techniques.students.making import make_student

__all__ = ["head", "student"]

ModelOrPath = str | os.PathLike[str] | Model


# many parameters: encoder, samples and out are what everybody gives; the others are rarely set, and independent
def head(
    encoder: ModelOrPath,
    samples: Any,
    out: str | os.PathLike[str] | None = None,
    *,
    tokenizer: str | os.PathLike[str] | None = None,
    teacher: ModelOrPath | None = None,
    reporter: Reporter | None = None,
) -> FittedModel:
    """Fit a linear classifier on what an encoder gives, by cross-validation.

    Args:
        encoder: model whose first output is used, or its path.
        samples, tokenizer, reporter: see `compsel.build`.
        out: ONNX file that the classifier is written to; None: it is not.
        teacher: classifier whose answers are learned where not all samples have labels.

    Raises:
        SamplesError, NotApplicableError: see `compsel.techniques.heads.fitting.fit_head`.
        ModelError: a model that cannot be read.
    """
    (opened,) = as_models(encoder, tokenizer=tokenizer)
    found = _said(as_samples(samples), reporter)
    return _saved(fit_head(opened, found, teacher=_one(teacher)), out)


def student(
    samples: Any,
    out: str | os.PathLike[str] | None = None,
    *,
    encoder: ModelOrPath | None = None,
    tokenizer: str | os.PathLike[str] | None = None,
    teacher: ModelOrPath | None = None,
    reporter: Reporter | None = None,
) -> FittedModel:
    """Make a cheap classifier from samples: n-grams for texts, small features for images, and a linear head.

    Args:
        samples, reporter: see `compsel.build`.
        out, teacher: see `compsel.head`.
        encoder: for texts: its tokenizer is used, and static vectors of its vocabulary beside the n-grams.
        tokenizer: of the encoder.

    Raises:
        UsageError: a tokenizer without an encoder.
        SamplesError, NotApplicableError: see `compsel.techniques.students.making.make_student`.
        ModelError: a model that cannot be read.
    """
    if tokenizer is not None and encoder is None:
        raise UsageError("tokenizer: is that of an encoder: give encoder too")
    found = _said(as_samples(samples), reporter)
    opened = None if encoder is None else as_models(encoder, tokenizer=tokenizer)[0]
    return _saved(make_student(found, encoder=opened, teacher=_one(teacher)), out)


def _one(model: ModelOrPath | None) -> Model | None:
    return None if model is None else as_models(model)[0]


def _said(samples: Samples, reporter: Reporter | None) -> Samples:
    """Say where the order of the classes is from."""
    if note := samples.label_note():
        reporter_or_default(reporter).say(note)
    return samples


def _saved(fitted: FittedModel, out: str | os.PathLike[str] | None) -> FittedModel:
    if out is not None:
        fitted.model.save(out)
    return fitted
