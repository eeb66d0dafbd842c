"""Two classes by one number: the probability of the second, or its logit."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from compsel.features.tasks.base import Outputs, ScoreKind, Task
from compsel.features.tasks.facts import AnswerFacts
from compsel.features.tasks.scores import class_probabilities, top_class

__all__ = ["Binary"]


@dataclass(frozen=True)
class Binary(Task):
    """Two classes by one number.

    Attributes:
        scores: "probability" or "logit".

    >>> import numpy as np
    >>> Binary().decide([np.array([[0.4]])]), Binary("logit").decide([np.array([0.4])])
    (0, 1)
    """

    name: ClassVar[str] = "binary"
    classes: ClassVar[bool] = True

    scores: str = "probability"

    @classmethod
    def recognise(cls, facts: AnswerFacts) -> Self | None:
        """Return it for one number with a sigmoid, or one that labels 0 and 1 explain."""
        first, labels = facts.first, facts.labels
        if not first.floats or not first.single or facts.further:
            return None
        if first.activation == "Sigmoid":
            return cls("probability") if labels.kind in ("none", "classes") else None
        known = facts.named == 2 or facts.made_into("Sigmoid")
        return cls("logit") if labels.binary or (labels.kind == "none" and known) else None

    @classmethod
    def assumed(cls, facts: AnswerFacts) -> Self:
        """Return it: a probability where there is a sigmoid, else a logit."""
        return cls("probability" if facts.first.activation == "Sigmoid" else "logit")

    @property
    def score_kind(self) -> ScoreKind:
        """What the number is."""
        return "probability" if self.scores == "probability" else "logit"

    @property
    def reading(self) -> str:
        """What the answers are."""
        return f"two classes by one {self.scores}"

    @property
    def rule(self) -> str:
        """When one is right."""
        return "p > 0.5 is the label" if self.scores == "probability" else "its sign is the label (above 0 is class 1)"

    def decide(self, outputs: Outputs) -> int:
        """Return the class."""
        return top_class(outputs[0], self.score_kind)

    def quality(self, outputs: Outputs, target: Any) -> float:
        """Return 1 for the class of the label."""
        return float(self.decide(outputs) == int(target))

    def same_decisions(self, outputs: Outputs, reference: Outputs) -> NDArray[np.bool_]:
        """Return for each row whether it is of the same class."""
        border = 0.5 if self.scores == "probability" else 0.0
        return np.asarray((np.ravel(outputs[0]) > border) == (np.ravel(reference[0]) > border))

    def confidence(self, outputs: Outputs) -> list[float]:
        """Return the probability of the class that answers."""
        found = class_probabilities(outputs[0], self.score_kind)
        return [0.0 if found is None else float(found.max())]
