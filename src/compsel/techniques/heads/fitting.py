"""Fit a linear head on the tensor of a graph, or anew on other samples."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from compsel.errors import NotApplicableError, SamplesError
from compsel.inputs.samples import Samples
from compsel.models.model import Model
from compsel.techniques.heads.cross_validation import CrossValidated, fit_by_cross_validation
from compsel.techniques.heads.design import Design
from compsel.techniques.heads.folds import fold_of, sample_hashes
from compsel.techniques.heads.learned import Learned, with_learned
from compsel.techniques.heads.linear_layer import add_head, has_head, head_input, replace_head
from compsel.techniques.heads.pooled_features import cut_to, pooled_features
from compsel.techniques.heads.softmax_regression import LinearHead, fit_softmax_regression
from compsel.techniques.heads.targets import check_enough, class_targets, in_order_of

__all__ = ["FittedModel", "fit_head", "fit_on_tensor", "refit_head", "standardised"]

_OUTPUT = "logits"


@dataclass(frozen=True)
class FittedModel:
    """A model that learned from samples, and how good it is on samples that it did not see.

    Attributes:
        model: fitted on all samples.
        right: bool (n,), whether each sample is right by the model that never saw its fold.
        l2: regularisation that was found.

    >>> from compsel.networks import build
    >>> FittedModel(build("mobilenet-v1", width=0.25, resolution=32), np.array([True, False]), 1e-5).accuracy
    0.5
    """

    model: Model
    right: NDArray[np.bool_] = field(repr=False)
    l2: float

    @classmethod
    def of(
        cls, model: Model, kind: str, found: CrossValidated, targets: NDArray[np.float32], samples: Samples
    ) -> "FittedModel":
        """Return a model that says what it learned from, and how it was right out of fold.

        Args:
            model: fitted on all samples.
            kind: see `Learned`.
            found: by cross-validation.
            targets: float32 (n, classes), what was learned.
            samples: what was learned from.
        """
        learned = Learned(kind, {"l2": found.l2}, sample_hashes(samples))
        right = np.asarray(found.scores.argmax(axis=1) == targets.argmax(axis=1))
        return cls(with_learned(model, learned), right, found.l2)

    @property
    def accuracy(self) -> float:
        """Share of right answers, out of fold."""
        return float(self.right.mean())


def fit_head(
    encoder: Model,
    samples: Samples,
    *,
    teacher: Model | None = None,
    sample_weight: NDArray[np.float32] | None = None,
) -> FittedModel:
    """Fit a linear classifier on the first output of an encoder; regularisation by cross-validation.

    Args:
        encoder: gives a vector a sample, or one a token or place, which are averaged.
        samples: what is learned from.
        teacher: classifier whose answers are learned where not all samples have labels.
        sample_weight: float32 (n,), None: all alike.

    Returns:
        A classifier with the names of the classes, where the samples have them.

    Raises:
        SamplesError: no labels, or too few samples of a class.
        NotApplicableError: an output that is no vector and cannot be averaged to one.
    """
    samples, names = in_order_of(samples, teacher)
    labels = [label for label in samples.labels if label is not None]
    if not labels and teacher is None:
        raise SamplesError("the samples have no labels: give some, or a classifier whose answers are learned")
    classes = len(names) or (_width(teacher) if teacher is not None else max(labels) + 1)
    if has_head(encoder):
        raise NotApplicableError(f"head: {encoder.name!r} has one already: give the encoder that it was fitted on")
    output = encoder.outputs[0].name
    fitted = fit_on_tensor(
        encoder,
        output,
        [output],
        samples,
        class_targets(samples, classes, teacher),
        kind="head",
        output=_OUTPUT,
        names=names,
        sample_weight=sample_weight,
    )
    return replace(fitted, model=replace(fitted.model, labels=names))


# many parameters: what `fit_head` and the techniques vary
def fit_on_tensor(
    model: Model,
    tensor: str,
    tensors: list[str],
    samples: Samples,
    targets: NDArray[np.float32],
    *,
    kind: str,
    output: str,
    names: tuple[str, ...] = (),
    sample_weight: NDArray[np.float32] | None = None,
) -> FittedModel:
    """Fit a head on a tensor of a graph.

    Args:
        model: whose graph it is.
        tensor: that the head reads, pooled.
        tensors: those that are computed in the same pass, and remembered; `tensor` is among them.
        samples: what is learned from.
        targets: float32 (n, classes).
        kind: see `Learned`.
        output: name of the scores.
        names: of the classes, for messages.
        sample_weight: float32 (n,), None: all alike.

    Raises:
        SamplesError: too few samples of a class.
        NotApplicableError: a tensor that cannot be pooled.
    """
    check_enough(targets, names)
    features = pooled_features(model, tensors, samples)[tensors.index(tensor)]
    found = _cross_validated(features, targets, samples, sample_weight)
    editable, pooled = cut_to(model, tensor)
    if output in {name for node in editable.graph.node for name in node.output}:
        output = f"{output}.head"
    add_head(editable, pooled, found.head, output)
    return FittedModel.of(model.with_proto(editable.materialise()), kind, found, targets, samples)


def refit_head(model: Model, learned: Learned, samples: Samples, teacher: Model | None) -> Model:
    """Fit the head of a learned model anew, with the regularisation that was found before."""
    tensor = head_input(model)
    (features,) = pooled_features(model, [tensor], samples)
    targets = class_targets(samples, _width(model), teacher)
    scaled, unscale = standardised(features)
    head = fit_softmax_regression(Design(scaled), targets, float(learned.options["l2"]))
    return with_learned(
        replace_head(model, unscale(head)), Learned(learned.kind, learned.options, sample_hashes(samples))
    )


def _cross_validated(
    features: NDArray[np.float32],
    targets: NDArray[np.float32],
    samples: Samples,
    sample_weight: NDArray[np.float32] | None,
) -> CrossValidated:
    scaled, unscale = standardised(features)
    found = fit_by_cross_validation(Design(scaled), targets, fold_of(samples), sample_weight)
    return replace(found, head=unscale(found.head))


def standardised(features: NDArray[np.float32]) -> tuple[NDArray[np.float32], Callable[[LinearHead], LinearHead]]:
    """Return the features around 0 with a mean square length of 1, and what turns a head on them into one on these."""
    centre = features.mean(axis=0)
    scaled = features - centre
    length = np.float32(max(float(np.sqrt(np.square(scaled).sum(axis=1).mean())), 1e-12))
    scaled /= length

    def unscale(head: LinearHead) -> LinearHead:
        weights = head.weights / length
        return LinearHead(weights, head.bias - centre @ weights)

    return scaled, unscale


def _width(model: Model | None) -> int:
    """Return the number of classes of a classifier."""
    shape = model.outputs[0].shape if model is not None else None
    if model is None or shape is None or len(shape) != 2 or shape[1] is None:
        got = "none" if model is None else f"{model.name!r} with an output of shape {shape}"
        raise NotApplicableError(f"a classifier with class scores (n, classes) is needed: got {got}")
    return int(shape[1])
