"""What an inference gives: the outputs, and the trace of how they came about."""

from typing import NamedTuple

import numpy as np

__all__ = ["Answer", "Stage"]


# both are tuples with names: after an inference they are made in a tenth of the time that a frozen dataclass takes
class Stage(NamedTuple):
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


class Answer(NamedTuple):
    """The answer to one input.

    Attributes:
        outputs: as the model gives them; when several stages ran, the first output holds their fused class scores
            (log-probabilities for a model that gives logits, probabilities for one that gives those).
        latency_ms: from the call to the answer, all included.
        stages: what ran, in order.
        features_ms: spent on features of the input.
        selector_ms: spent on everything but decoding, features, preprocessing and inference: deciding, fusing, and what
            failed.
        constraints_met: False when no choice could meet the deadline or the quality asked for; the answer is then
            that of the fastest, or the most accurate, choice.
        note: why, when they were not met; and which processors failed, so that another one answered.
        abstained: whether the bundle was built to withhold answers as unsure as this one: do not use it.
        decode_ms: spent on making a value of what the call was given: reading a file, decoding it; 0 for an image or
            tensors in memory. `latency_ms` is the sum of this, `features_ms`, `selector_ms` and the stages.
    """

    outputs: list[np.ndarray]
    latency_ms: float
    stages: tuple[Stage, ...]
    features_ms: float = 0.0
    selector_ms: float = 0.0
    constraints_met: bool = True
    note: str = ""
    abstained: bool = False
    decode_ms: float = 0.0

    @property
    def choice(self) -> str:
        """Return "<variant>@<processor>" of every stage that ran, joined by " > "."""
        return " > ".join(f"{stage.variant}@{stage.processor}" for stage in self.stages)

    @property
    def label(self) -> int:
        """Index of the most probable class."""
        return int(np.argmax(self.outputs[0][0]))
