"""How far a variant answers as its uncompressed model does, and how often it is right."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.evaluation.confidence_intervals import Estimate, above_chance, bootstrap_mean
from compsel.features.fusion import softmax
from compsel.variants.engine import Engine

__all__ = ["Answers", "Quality", "answers_of", "compare_answers"]

_SMALLEST = 1e-12

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """What an engine said to n samples.

    Attributes:
        outputs: by sample, every output.
        probabilities: float64 (n, classes); None where the model is no classifier.

    >>> Answers([[np.zeros((1, 2))]], np.array([[0.5, 0.5]])).classes.tolist()
    [0]
    """

    outputs: Sequence[Sequence[np.ndarray]]
    probabilities: Floats | None

    @property
    def classes(self) -> NDArray[np.int64]:
        """The most probable class (n,) of each sample; -1 where the model is no classifier."""
        if self.probabilities is None:
            return np.full(len(self.outputs), -1)
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)


@dataclass(frozen=True)
class Quality:
    """A variant beside its uncompressed model on the same samples; None where a figure does not exist.

    Attributes:
        n_samples: how many.
        accuracy: share of right answers.
        accuracy_change: accuracy minus that of the uncompressed model, paired.
        agreement: share of samples with the same top class as the uncompressed model.
        kl: Kullback-Leibler divergence from the uncompressed model's probabilities (nats).
        relative_error: Euclidean, of the outputs.
        trained: whether the uncompressed model answers better than by chance; None without labels.
    """

    n_samples: int
    accuracy: Estimate | None
    accuracy_change: Estimate | None
    agreement: Estimate | None
    kl: Estimate | None
    relative_error: Estimate | None
    trained: bool | None

    @property
    def score(self) -> float:
        """One number, higher is better: accuracy, else agreement, else 1 minus the relative error."""
        for estimate in (self.accuracy, self.agreement):
            if estimate is not None:
                return estimate.value
        return 1.0 - self.relative_error.value if self.relative_error is not None else 0.0


def answers_of(engine: Engine, values: Iterable[Any]) -> Answers:
    """Run an engine on samples."""
    outputs: list[list[np.ndarray]] = [engine(value) for value in values]
    if engine.variant.output == "other":
        return Answers(outputs, None)
    scores = np.stack([np.asarray(output[0][0], np.float32) for output in outputs])
    probabilities = softmax(scores) if engine.variant.output == "logits" else scores
    return Answers(outputs, probabilities.astype(np.float64))


def compare_answers(variant: Answers, original: Answers, labels: Sequence[int | None]) -> Quality:
    """Compare what a variant and its model said to the same samples.

    Args:
        variant, original: n answers each.
        labels: (n,) the right classes; without them, or where the model only guesses (seeded weights), there is no
            accuracy.
    """
    said, wanted = variant.classes, original.classes
    known = original.probabilities is not None and all(label is not None for label in labels)
    trained = None
    accuracy = change = agreement = kl = None
    if known:
        assert original.probabilities is not None
        truth = np.array(labels, np.int64)
        trained = above_chance(int((wanted == truth).sum()), len(truth), original.probabilities.shape[1])
        if trained:
            right, before = (said == truth).astype(float), (wanted == truth).astype(float)
            accuracy, change = bootstrap_mean(right), bootstrap_mean(right - before)
    if variant.probabilities is not None and original.probabilities is not None:
        agreement = bootstrap_mean(said == wanted)
        divergence = _kl(original.probabilities, variant.probabilities)
        kl = bootstrap_mean(divergence) if np.isfinite(divergence).all() else None
    errors = [_relative_error(got, want) for got, want in zip(variant.outputs, original.outputs, strict=True)]
    measured = [error for error in errors if error is not None]
    error = bootstrap_mean(measured) if len(measured) == len(errors) and np.isfinite(measured).all() else None
    return Quality(len(labels), accuracy, change, agreement, kl, error, trained)


def _kl(wanted: Floats, got: Floats) -> Floats:
    safe = np.maximum(wanted, _SMALLEST)
    return np.asarray((wanted * np.log(safe / np.maximum(got, _SMALLEST))).sum(axis=1))


def _relative_error(got: Sequence[np.ndarray], want: Sequence[np.ndarray]) -> float | None:
    """Return the error of one answer; None where outputs have other shapes or are no numbers."""
    pairs = [
        (np.asarray(one, np.float64).ravel(), np.asarray(other, np.float64).ravel())
        for one, other in zip(got, want, strict=True)
        if isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and other.dtype.kind in "fiub"
    ]
    if not pairs or any(one.shape != other.shape for one, other in pairs):
        return None
    ours, theirs = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    return float(np.linalg.norm(ours - theirs)) / max(float(np.linalg.norm(theirs)), _SMALLEST)
