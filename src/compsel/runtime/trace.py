"""What has happened to one input so far."""

import numpy as np

from compsel.features.probe import Evidence, Scores
from compsel.runtime.answer import Stage
from compsel.runtime.planning import PlannedPolicy

__all__ = ["Trace"]


class Trace:
    """Collects what each stage gave.

    Attributes:
        deciding_ns: time spent on deciding.
        features: of the input, or None.
        ran: positions of the variants that ran, in order.
        stages, outputs, scores, evidence: of each of them.

    >>> Trace(0, None).ran
    []
    """

    __slots__ = ("deciding_ns", "evidence", "features", "outputs", "ran", "scores", "stages")

    def __init__(self, deciding_ns: int, features: np.ndarray | None) -> None:
        self.deciding_ns = deciding_ns
        self.features = features
        self.ran: list[int] = []
        self.stages: list[Stage] = []
        self.outputs: list[list[np.ndarray]] = []
        self.scores: list[Scores | None] = []
        self.evidence: list[Evidence] = []

    def add(self, position: int, stage: Stage, outputs: list[np.ndarray], scores: Scores | None) -> None:
        """Take what a stage gave."""
        self.ran.append(position)
        self.stages.append(stage)
        self.outputs.append(outputs)
        self.scores.append(scores)

    def sure(self, probability: float) -> None:
        """Note how probably the fused answer is right after the last stage."""
        last = self.stages[-1]
        self.stages[-1] = Stage(last.variant, last.processor, last.latency_ms, last.expected_ms, probability)

    def fused(self, planned: PlannedPolicy, *, as_probabilities: bool) -> list[np.ndarray]:
        """Return the outputs, the first of them the logarithmic pool of the stages: logits, or probabilities."""
        outputs = self.outputs[-1]
        if len(self.ran) == 1:
            return outputs
        pooled = np.zeros(outputs[0].shape[-1], np.float32)
        for weight, scores in zip(planned.priced.weights(self.ran), self.scores, strict=True):
            if scores is not None:
                pooled += np.float32(weight) * scores.log_probabilities
        pooled -= pooled.max()
        pooled -= np.log(np.exp(pooled).sum())
        return [(np.exp(pooled) if as_probabilities else pooled)[None], *outputs[1:]]
