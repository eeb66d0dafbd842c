"""Several labels at once: each class is there or not, by a probability of its own."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from compsel.features.tasks.base import Outputs, Task
from compsel.features.tasks.facts import AnswerFacts
from compsel.features.tasks.margins import log_odds, mean_and_least
from compsel.features.tasks.scores import sigmoid

__all__ = ["Multilabel", "label_set"]


@dataclass(frozen=True)
class Multilabel(Task):
    """Independent classes: those of more than a half are there.

    The quality is the F1 score of the labels of a sample; right is, unless `good_enough` says less, who has all of them
    and no other.

    Attributes:
        scores: "probabilities" or "logits".

    >>> Multilabel().decide([np.array([[0.9, 0.2, 0.7]])])
    (0, 2)
    """

    name: ClassVar[str] = "multilabel"

    scores: str = "probabilities"

    @classmethod
    def recognise(cls, facts: AnswerFacts) -> Self | None:
        """Return it for a vector with a sigmoid and no other labels, or one whose labels are several or of 0 and 1."""
        first, labels = facts.first, facts.labels
        if not first.floats or first.class_axis is None or first.boxes or first.soft:
            return None
        if facts.further:
            return None
        several = labels.kind == "several" or (labels.kind == "arrays" and labels.whole and labels.rank == 1)
        independent = first.activation == "Sigmoid" or facts.made_into("Sigmoid")
        if several or (independent and labels.kind == "none"):
            return cls(_kind(facts))
        return None

    @classmethod
    def assumed(cls, facts: AnswerFacts) -> Self:
        """Return it: probabilities where there is a sigmoid, else logits."""
        return cls(_kind(facts))

    @property
    def reading(self) -> str:
        """What the answers are."""
        return "several labels at once, each by a probability of its own; answers of stages are not averaged"

    @property
    def rule(self) -> str:
        """When one is right."""
        return "the classes above 0.5 are those of the label (quality: their F1 score)"

    def decide(self, outputs: Outputs) -> tuple[int, ...]:
        """Return the classes that are there."""
        return tuple(np.flatnonzero(self._probabilities(outputs) > 0.5).tolist())

    def words(self, outputs: Outputs, names: Sequence[str] = ()) -> str:
        """Return the classes that are there."""
        return ", ".join(self.named(place, names) for place in self.decide(outputs)) or "none"

    def quality(self, outputs: Outputs, target: Any) -> float:
        """Return the F1 score of the classes that are there."""
        found, wanted = set(self.decide(outputs)), label_set(target, np.size(outputs[0]))
        both = len(found) + len(wanted)
        return 1.0 if not both else 2 * len(found & wanted) / both

    def same_decisions(self, outputs: Outputs, reference: Outputs) -> NDArray[np.bool_]:
        """Return for each row whether the same classes are there."""
        border = 0.5 if self.scores == "probabilities" else 0.0
        same = (np.asarray(outputs[0]) > border) == (np.asarray(reference[0]) > border)
        return np.asarray(same.reshape(len(same), -1).all(axis=1))

    def confidence(self, outputs: Outputs) -> list[float]:
        """Return the log-odds of the least decided class for what it decided, and the mean of all."""
        return mean_and_least(np.abs(log_odds(self._probabilities(outputs))))

    def _probabilities(self, outputs: Outputs) -> NDArray[np.float64]:
        flat = np.ravel(outputs[0]).astype(np.float64)
        return flat if self.scores == "probabilities" else sigmoid(flat)


def label_set(target: Any, n_classes: int) -> set[int]:
    """Return the classes that a label names: one number, several, or a 0 or 1 for each class.

    >>> label_set((2, 4), 5), label_set(np.array([0, 0, 1, 0, 1]), 5), label_set(3, 5)
    ({2, 4}, {2, 4}, {3})
    """
    if isinstance(target, Collection) and not isinstance(target, np.ndarray):
        return {int(one) for one in target}
    array = np.asarray(target)
    if not array.ndim:
        return {int(array)}
    if array.size == n_classes and bool(np.isin(array, (0, 1)).all()):
        return set(np.flatnonzero(array.ravel()).tolist())
    return {int(one) for one in array.ravel()}


def _kind(facts: AnswerFacts) -> str:
    return "probabilities" if facts.first.activation == "Sigmoid" else "logits"
