"""What a head learns to answer: the labels of samples, or, where those lack, the answers of a full model."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from compsel.errors import SamplesError, TooFewSamplesError
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.models.output_kind import output_kind
from compsel.techniques.heads.pooled_features import pooled_features

__all__ = ["check_enough", "class_targets", "in_order_of", "one_hot"]

_LEAST = 5  # samples of a class: one a fold
_TOLERATED = 0.05  # share of the samples that may be of rarer classes


def in_order_of(samples: Samples, teacher: Model | None) -> tuple[Samples, tuple[str, ...]]:
    """Return samples whose labels count the classes of a teacher, where there is one, and the names of the classes.

    Raises:
        SamplesError: a label that is none of its classes.
    """
    if teacher is None:
        return samples, tuple(samples.label_names)
    samples = samples.ordered_by(teacher.labels)
    return samples, tuple(samples.label_names or teacher.labels)


def class_targets(samples: Samples, classes: int, teacher: Model | None = None) -> NDArray[np.float32]:
    """Return the probabilities (n, classes) that a head learns.

    Args:
        samples: what is learned from.
        classes: how many there are.
        teacher: full model whose answers count where not all samples have labels.

    Raises:
        SamplesError: a label that is no class, or no labels and no teacher.
    """
    if samples.labelled:
        return one_hot([int(label) for label in samples.labels if label is not None], classes)
    if teacher is None:
        lacking = sum(label is None for label in samples.labels)
        raise SamplesError(f"{lacking} of {len(samples)} samples have no label: give labels, or a model that answers")
    (scores,) = pooled_features(teacher, [teacher.outputs[0].name], samples)
    if scores.shape[1] != classes:
        raise SamplesError(f"the model gives {scores.shape[1]} class scores, and there are {classes} classes")
    if output_kind([scores[:1]]) == "probabilities":
        return scores
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=1, keepdims=True), np.float32)


def one_hot(labels: Sequence[int], classes: int) -> NDArray[np.float32]:
    """Return float32 (n, classes) with a 1 at each label.

    Raises:
        SamplesError: a label that is no class.
    """
    if len(labels) and max(labels) >= classes:
        raise SamplesError(f"got label {max(labels)}, allowed are 0 to {classes - 1}: the classes of the model")
    targets = np.zeros((len(labels), classes), np.float32)
    targets[np.arange(len(labels)), np.asarray(labels, np.intp)] = 1
    return targets


def check_enough(targets: NDArray[np.float32], names: Sequence[str] = ()) -> None:
    """Raise TooFewSamplesError where classes have too few samples to be learned and judged.

    Each class needs five, one a fold; rarer ones are tolerated where they make up no more than 5 % of the samples.
    """
    counts = np.bincount(targets.argmax(axis=1), minlength=targets.shape[1])
    rare = np.flatnonzero((counts > 0) & (counts < _LEAST))
    if (counts > 0).sum() < 2:
        raise TooFewSamplesError(f"got samples of {(counts > 0).sum()} classes, at least 2 are needed")
    if counts[rare].sum() <= _TOLERATED * len(targets):
        return
    worst = rare[counts[rare].argmin()]
    name = names[worst] if worst < len(names) else f"class {worst}"
    missing = int((_LEAST - counts[rare]).sum())
    raise TooFewSamplesError(
        f"too few samples: {len(rare)} of {(counts > 0).sum()} classes have fewer than {_LEAST} ({name} has "
        f"{counts[worst]}): {missing} more of those classes are needed"
    )
