"""Real numbers: right is who is near enough, measured by how much the right numbers vary."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from compsel.features.tasks.base import Outputs, Task
from compsel.features.tasks.facts import AnswerFacts

__all__ = ["Regression"]


@dataclass(frozen=True)
class Regression(Task):
    """Real numbers in the first output.

    The quality is 1 less the mean distance to the label over the standard deviation of the labels: what always answers
    with their mean gets about 0.2.

    Attributes:
        spread: standard deviation of the labels; 0 where there are none: then errors count relative to the answer.

    >>> Regression(spread=2.0).quality([np.array([[3.5]])], 3.0)
    0.75
    """

    name: ClassVar[str] = "regression"
    reads_confidence: ClassVar[bool] = False
    good_enough: ClassVar[float] = 0.9

    spread: float = 0.0

    @classmethod
    def recognise(cls, facts: AnswerFacts) -> Self | None:
        """Return it for labels that are real numbers; without labels, for one number that no sigmoid makes, and for
        several that a regressor makes or their name tells.
        """
        first, labels = facts.first, facts.labels
        if not first.floats or facts.further or first.soft:
            return None
        real = labels.kind == "numbers" or (labels.kind == "arrays" and not labels.whole)
        plain = (first.single and first.activation == "") or first.numbers
        return cls(labels.spread) if real or (plain and labels.kind == "none") else None

    @classmethod
    def assumed(cls, facts: AnswerFacts) -> Self:
        """Return it with the spread of the labels, whole numbers too."""
        return cls(facts.labels.spread)

    @property
    def reading(self) -> str:
        """What the answers are."""
        return "real numbers; answers of stages are not averaged"

    @property
    def rule(self) -> str:
        """When one is right."""
        return self.rule_from(self.good_enough)

    def rule_from(self, good_enough: float) -> str:
        """When one is right: in standard deviations of the labels."""
        of = f"{self.spread:.3g}, the labels' standard deviation" if self.spread else "the label's size"
        return f"the mean error is at most {1 - good_enough:.3g} of {of} (--good-enough {good_enough:g})"

    @property
    def agreeing(self) -> str:
        """What makes an answer agree with the uncompressed model's."""
        return "right when the relative error is at most 0.1"

    def decide(self, outputs: Outputs) -> np.ndarray:
        """Return the numbers."""
        return np.ravel(outputs[0]).astype(np.float64)

    def quality(self, outputs: Outputs, target: Any) -> float:
        """Return 1 less the error in standard deviations, without NaN of the target; 0 for other numbers of numbers."""
        found, wanted = self.decide(outputs), np.ravel(np.asarray(target, np.float64))
        if found.shape != wanted.shape or not np.isfinite(found).all():
            return 0.0
        known = ~np.isnan(wanted)
        if not known.any():
            return 0.0
        found, wanted = found[known], wanted[known]
        scale = self.spread or float(np.abs(wanted).mean()) or 1.0
        return float(max(0.0, 1 - np.abs(found - wanted).mean() / scale))
