"""Ordered classes by one number: the nearest whole number answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from compsel.features.tasks.base import Outputs, Task
from compsel.features.tasks.facts import AnswerFacts

__all__ = ["Ordinal"]

_MOST = 1e9


@dataclass(frozen=True)
class Ordinal(Task):
    """Ordered classes by one number: 3.7 stars are 4.

    The quality is 1 less a half for each class that an answer is off.

    >>> Ordinal().decide([np.array([[3.7]])]), Ordinal().quality([np.array([[3.7]])], 3)
    (4, 0.5)
    """

    name: ClassVar[str] = "ordinal"

    @classmethod
    def recognise(cls, facts: AnswerFacts) -> Self | None:
        """Return it for one number with labels of more than two classes."""
        first, labels = facts.first, facts.labels
        fits = first.floats and first.single and not facts.further and first.activation == ""
        return cls() if fits and labels.kind == "classes" and labels.largest > 1 else None

    @property
    def reading(self) -> str:
        """What the answers are."""
        return "ordered classes by one number; answers of stages are not averaged"

    @property
    def rule(self) -> str:
        """When one is right."""
        return "the nearest whole number is the label"

    def decide(self, outputs: Outputs) -> int:
        """Return the nearest whole number."""
        return round(_number(outputs))

    def words(self, outputs: Outputs, names: Sequence[str] = ()) -> str:
        """Return the class."""
        return self.named(self.decide(outputs), names)

    def quality(self, outputs: Outputs, target: Any) -> float:
        """Return 1 for the label, a half for its neighbours."""
        return max(0.0, 1 - abs(self.decide(outputs) - int(target)) / 2)

    def confidence(self, outputs: Outputs) -> list[float]:
        """Return how far the number lies from where another whole one would be nearer, and the number."""
        value = _number(outputs)
        return [0.5 - abs(value - round(value)), value]


def _number(outputs: Outputs) -> float:
    """Return the number, finite: NaN is no class."""
    return float(np.clip(np.nan_to_num(np.ravel(outputs[0])[0], nan=-_MOST), -_MOST, _MOST))
