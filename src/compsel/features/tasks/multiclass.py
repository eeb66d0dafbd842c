"""Exclusive classes: the highest score answers, whatever axis the scores lie along."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from compsel.features.tasks.base import Outputs, ScoreKind, Task
from compsel.features.tasks.facts import AnswerFacts, OutputFacts
from compsel.features.tasks.scores import class_probabilities, same_top_rows, top_class

__all__ = ["Multiclass"]


@dataclass(frozen=True)
class Multiclass(Task):
    """Exclusive classes by their scores.

    Attributes:
        scores: "logits" or "probabilities"; "": told by the values, as for (n, classes).
        outputs: how many say something of their own: the first alone is looked at.

    >>> Multiclass.recognise(AnswerFacts((OutputFacts("y", "float32", (None, 3, 1, 1), "Softmax", 1),))).scores
    'probabilities'
    """

    name: ClassVar[str] = "multiclass"
    classes: ClassVar[bool] = True

    scores: str = ""
    outputs: int = 1

    @classmethod
    def recognise(cls, facts: AnswerFacts) -> Self | None:
        """Return it for scores along one axis: (n, classes), or with a softmax, or labels that are classes."""
        first, labels = facts.first, facts.labels
        if not first.floats or labels.kind in ("several", "arrays") or (labels.kind == "numbers" and not first.soft):
            return None
        if first.shape is None:
            return cls("", _told(facts))
        if first.class_axis is None or (first.boxes and labels.kind != "classes"):
            return None
        if first.rank == 2 and first.class_axis == 1:
            alone = first.activation == "Sigmoid" and labels.kind != "classes"
            return None if alone else cls("", _told(facts))
        if not first.soft and labels.kind != "classes":
            return None
        return cls("probabilities" if first.activation == "Softmax" else "logits", _told(facts))

    @classmethod
    def assumed(cls, facts: AnswerFacts) -> Self:
        """Return it for whatever there is along one axis."""
        first = facts.first
        plain = first.rank == 2 and first.class_axis == 1
        return cls("" if plain or first.shape is None else _kind(first), _told(facts))

    @property
    def score_kind(self) -> ScoreKind | None:
        """What the scores are."""
        return {"logits": "logits", "probabilities": "probabilities"}.get(self.scores)  # type: ignore[return-value]  # None where neither

    @property
    def reading(self) -> str:
        """What the answers are."""
        others = f" (only the first of {self.outputs} outputs is looked at)" if self.outputs > 1 else ""
        return f"exclusive classes by their scores{others}"

    @property
    def rule(self) -> str:
        """When one is right."""
        return "the highest score is the label's"

    def decide(self, outputs: Outputs) -> int:
        """Return the class of the highest score."""
        return top_class(outputs[0], self.scores or "logits")

    def quality(self, outputs: Outputs, target: Any) -> float:
        """Return 1 for the class of the label."""
        return float(self.decide(outputs) == int(target))

    def same_decisions(self, outputs: Outputs, reference: Outputs) -> NDArray[np.bool_] | None:
        """Return for each row whether it has the same top class."""
        return same_top_rows(outputs[0], reference[0])

    def confidence(self, outputs: Outputs) -> list[float]:
        """Return the probability of the class that answers."""
        found = class_probabilities(outputs[0], self.scores or "logits")
        return [0.0 if found is None else float(found.max())]


def _told(facts: AnswerFacts) -> int:
    return 1 + len(facts.further)


def _kind(first: OutputFacts) -> str:
    return "probabilities" if first.activation == "Softmax" else "logits"
