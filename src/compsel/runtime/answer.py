"""What an inference gives: the outputs, and the trace of how they came about."""

from dataclasses import dataclass, field

import numpy as np

__all__ = ["Answer", "Stage"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One variant that ran.

    Attributes:
        variant: its name.
        processor: where it ran.
        latency_ms: of its preprocessing and inference.
        expected_ms: what the cost model expected in this state of the device.
        probability_right: of the fused answer after this stage, where the policy knows it.
    """

    variant: str
    processor: str
    latency_ms: float
    expected_ms: float
    probability_right: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one input.

    Attributes:
        outputs: as the model gives them; when several stages ran, the first output holds their fused class scores
            (log-probabilities for a model that gives logits, probabilities for one that gives those).
        choice: "<variant>@<processor>" of every stage that ran, joined by " > ".
        latency_ms: from the call to the answer, decoding excluded.
        stages: what ran, in order.
        features_ms: spent on features of the input.
        selector_ms: spent on deciding and fusing.
        constraints_met: False when no choice could meet the deadline or the quality asked for; the answer is then
            that of the fastest, or the most accurate, choice.
        note: why, when they were not met; and which processors failed, so that another one answered.
        abstained: whether the bundle was built to withhold answers as unsure as this one: do not use it.
    """

    outputs: list[np.ndarray] = field(repr=False)
    choice: str
    latency_ms: float
    stages: tuple[Stage, ...]
    features_ms: float = 0.0
    selector_ms: float = 0.0
    constraints_met: bool = True
    note: str = ""
    abstained: bool = False

    @property
    def label(self) -> int:
        """Index of the most probable class."""
        return int(np.argmax(self.outputs[0][0]))
