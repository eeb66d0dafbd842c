"""What answers say, in tables of numbers: what a policy of stages is trained on, and decides by."""

import dataclasses
from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from compsel.values import dataclass

__all__ = ["Evidence", "Fused", "OutputEvidence", "Scores", "stack_evidence"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The most probable classes of the answers to n inputs.

    Attributes:
        classes: integers (n, k), most probable first.
        probabilities: float32 (n, k), descending.
        n_classes: how many classes there are.
    """

    classes: NDArray[np.integer]
    probabilities: NDArray[np.float32]
    n_classes: int

    def take(self, rows: NDArray[np.intp]) -> Self:
        """Return the evidence of some of the inputs."""
        return replace(self, classes=self.classes[rows], probabilities=self.probabilities[rows])


# of a base that is one
@dataclasses.dataclass(frozen=True, slots=True)
class OutputEvidence(Evidence):
    """What the outputs of a model without class scores say about how good they are.

    There are two classes then, whatever the model gives: an answer is good enough (1) or not (0). Which one it is, only
    samples tell (`judged`); every sample's right class is 1.

    Attributes:
        confidence: float32 (n, k), numbers of each answer alone: `compsel.features.output_confidence`.
        sketch: float32 (n, n_sketch), by which answers are compared: `compsel.features.output_sketch.sketch`.
        source: name of what gave the confidence.

    >>> evidence = OutputEvidence.of(np.ones((2, 1), np.float32), np.zeros((2, 4), np.float32), "generic")
    >>> evidence.judged(np.array([True, False])).classes[:, 0].tolist()
    [1, 0]
    """

    confidence: NDArray[np.float32]
    sketch: NDArray[np.float32]
    source: str

    @classmethod
    def of(cls, confidence: NDArray[np.float32], sketch: NDArray[np.float32], source: str) -> "OutputEvidence":
        """Return evidence of answers of which nobody has said whether they are good."""
        n = len(confidence)
        return cls(np.zeros((n, 1), np.int32), np.ones((n, 1), np.float32), 2, confidence, sketch, source)

    def judged(self, good: NDArray[np.bool_]) -> "OutputEvidence":
        """Return the same, with what is known (n,) of the samples: whether each answer is good enough."""
        return replace(self, classes=good.astype(np.int32)[:, None])

    def take(self, rows: NDArray[np.intp]) -> Self:
        """Return the evidence of some of the inputs."""
        return replace(
            self,
            classes=self.classes[rows],
            probabilities=self.probabilities[rows],
            confidence=self.confidence[rows],
            sketch=self.sketch[rows],
        )


@dataclass(frozen=True, slots=True)
class Scores:
    """What one answer says.

    Attributes:
        log_probabilities: float32 (n_classes,), of every class; empty for a model without class scores.
        evidence: of one row.
        outputs: of a model without class scores: of the stages that ran, one gives the answer. None: they are fused.
    """

    log_probabilities: NDArray[np.float32]
    evidence: Evidence
    outputs: list[np.ndarray] | None = None


@dataclass(frozen=True, slots=True)
class Fused:
    """The fused answers of several stages.

    Attributes:
        classes: int (n,), the most probable class.
        features: float64 (n, n_features), what tells whether it is right: see `compsel.features.fusion.fuse`.
    """

    classes: NDArray[np.intp]
    features: NDArray[np.float64]


def stack_evidence(rows: Sequence[Evidence]) -> Evidence:
    """Return the evidence of several inputs as one table."""
    classes = np.concatenate([row.classes for row in rows])
    probabilities = np.concatenate([row.probabilities for row in rows])
    outputs = [row for row in rows if isinstance(row, OutputEvidence)]
    if not outputs:
        return Evidence(classes, probabilities, rows[0].n_classes)
    confidence = np.concatenate([row.confidence for row in outputs])
    sketches = np.concatenate([row.sketch for row in outputs])
    return OutputEvidence(classes, probabilities, 2, confidence, sketches, outputs[0].source)
