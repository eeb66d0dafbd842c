"""Quality of a variant's answers: accuracy, and likeness to those of its uncompressed model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.features.tasks.scores import class_probabilities
from compsel.models.output_comparison import (
    flat_numbers,
    kl_divergence,
    log_probabilities,
    relative_error,
    same_top_class,
)
from compsel.profiling.confidence_intervals import Estimate, above_chance, bootstrap_mean
from compsel.variants.engine import Engine

__all__ = ["AnswerQuality", "Answers", "answers_of", "compare_answers"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """The outputs of an engine for n samples.

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
class AnswerQuality:
    """Quality of a variant and of its uncompressed model on the same samples; None where a figure does not exist.

    Attributes:
        n_samples: how many.
        accuracy: share of right answers.
        accuracy_change: accuracy minus that of the uncompressed model, paired.
        agreement: share of samples with the same top class as the uncompressed model.
        kl: Kullback-Leibler divergence from the uncompressed model's probabilities (nats).
        relative_error: Euclidean, of the outputs.
        trained: whether the uncompressed model answers better than by chance; None without labels.

    >>> AnswerQuality(8, None, None, Estimate(0.9, 0.8, 1.0), None, None, None).score
    0.9
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
    found = [class_probabilities(output[0], engine.variant.output) for output in outputs]
    known = [one for one in found if one is not None]
    return Answers(outputs, np.stack(known).astype(np.float64) if len(known) == len(found) else None)


def compare_answers(variant: Answers, original: Answers, labels: Sequence[int | None]) -> AnswerQuality:
    """Compare the answers of a variant and of its model to the same samples.

    Args:
        variant, original: n answers each.
        labels: (n,) the right classes; without them, or where the model only guesses (seeded weights), there is no
            accuracy.
    """
    accuracy, change, trained = _accuracy(variant, original, labels)
    agreement = kl = None
    if variant.probabilities is not None and original.probabilities is not None:
        agreement = bootstrap_mean(same_top_class(variant.probabilities, original.probabilities))
        logs = [
            log_probabilities(answers, "probabilities") for answers in (variant.probabilities, original.probabilities)
        ]
        divergence = kl_divergence(*logs)
        kl = bootstrap_mean(divergence) if np.isfinite(divergence).all() else None
    pairs = [flat_numbers(got, want) for got, want in zip(variant.outputs, original.outputs, strict=True)]
    errors = [relative_error(*pair) for pair in pairs if pair is not None]
    error = bootstrap_mean(errors) if len(errors) == len(pairs) and np.isfinite(errors).all() else None
    return AnswerQuality(len(labels), accuracy, change, agreement, kl, error, trained)


def _accuracy(
    variant: Answers, original: Answers, labels: Sequence[int | None]
) -> tuple[Estimate | None, Estimate | None, bool | None]:
    """Return accuracy, its change and whether the model is trained; None without labels or class scores."""
    if original.probabilities is None or any(label is None for label in labels):
        return None, None, None
    truth = np.array(labels, np.int64)
    right, before = (variant.classes == truth).astype(float), (original.classes == truth).astype(float)
    if not above_chance(int(before.sum()), len(truth), original.probabilities.shape[1]):
        return None, None, False
    return bootstrap_mean(right), bootstrap_mean(right - before), True
