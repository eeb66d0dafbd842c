"""Sequences: tokens, or the scores of tokens at each step; compared by the edits between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from compsel.features.tasks.base import Outputs, Task
from compsel.features.tasks.facts import AnswerFacts
from compsel.features.tasks.margins import mean_and_least, row_margins

__all__ = ["TokenSequence", "edit_distance"]

_STEPS_RANK = 3


@dataclass(frozen=True)
class TokenSequence(Task):
    """The most probable token at each step, or tokens themselves; repetitions count once, as CTC reads them.

    The quality is 1 less the share of edits (Levenshtein) between the tokens and those of the uncompressed model.

    Attributes:
        scores: "probabilities" or "logits" at each step, or "tokens".

    >>> TokenSequence("tokens").quality([np.array([[1, 2, 2, 4]])], (1, 2, 3))
    0.6666666666666667
    """

    name: ClassVar[str] = "sequence"
    by_labels: ClassVar[bool] = False

    scores: str = "logits"

    @classmethod
    def recognise(cls, facts: AnswerFacts) -> Self | None:
        """Return it for a softmax at each of several steps, or scores or whole numbers that are called tokens."""
        first = facts.first
        if first.shape is None or facts.labels.kind not in ("none", "classes"):
            return None
        name = first.name.lower()
        if first.dtype.startswith("int") and first.rank in (2, 3) and not first.single:
            words = ("token", "ids", "sequence", "text")
            return cls("tokens") if any(word in name for word in words) or first.activation == "ArgMax" else None
        if not first.floats or first.rank != _STEPS_RANK or first.class_axis is not None or first.boxes:
            return None
        last = first.soft and first.axis in (None, _STEPS_RANK - 1)
        called = first.activation == "" and any(word in name for word in ("logit", "ctc", "token"))
        return cls("probabilities" if first.activation == "Softmax" else "logits") if last or called else None

    @classmethod
    def assumed(cls, facts: AnswerFacts) -> Self:
        """Return it: tokens where the first output holds whole numbers."""
        first = facts.first
        return cls("tokens" if not first.floats else "probabilities" if first.activation == "Softmax" else "logits")

    @property
    def reading(self) -> str:
        """What the answers are."""
        what = "tokens" if self.scores == "tokens" else "scores of a token at each step"
        return f"sequences ({what}), by likeness: labels are not used, answers of stages are not averaged"

    @property
    def rule(self) -> str:
        """When one is right."""
        return self.agreeing

    @property
    def agreeing(self) -> str:
        """What makes an answer agree with the uncompressed model's."""
        return "right when they are the same tokens (quality: 1 less the share of edits)"

    def decide(self, outputs: Outputs) -> tuple[int, ...]:
        """Return the tokens, repetitions once."""
        first = np.asarray(outputs[0])
        tokens = np.ravel(first if self.scores == "tokens" else first.argmax(axis=-1))
        changed = np.ones(len(tokens), bool)
        changed[1:] = tokens[1:] != tokens[:-1]
        return tuple(tokens[changed].tolist())

    def quality(self, outputs: Outputs, target: Any) -> float:
        """Return 1 less the share of edits."""
        found, wanted = self.decide(outputs), tuple(target)
        return 1 - edit_distance(found, wanted) / max(len(found), len(wanted), 1)

    def confidence(self, outputs: Outputs) -> list[float]:
        """Return how clear the least decided step is, and the mean; of tokens, how many there are."""
        first = np.asarray(outputs[0])
        if self.scores == "tokens":
            return [-float(first.size), 0.0]
        rows = first.astype(np.float64).reshape(-1, first.shape[-1])
        return mean_and_least(row_margins(rows, probabilities=self.scores == "probabilities"))


def edit_distance(found: Sequence[int], wanted: Sequence[int]) -> int:
    """Return how many insertions, deletions and replacements make one sequence of the other (Levenshtein, 1966).

    >>> edit_distance((1, 2, 4), (1, 3))
    2
    """
    if len(found) < len(wanted):
        found, wanted = wanted, found
    target = np.asarray(wanted)
    steps = np.arange(len(target) + 1)
    row = steps.copy()
    for place, one in enumerate(found, start=1):
        best = np.minimum(row[:-1] + (target != one), row[1:] + 1)
        # an insertion runs along the row: the running minimum of what is left of each place, less its steps
        row = np.minimum.accumulate(np.concatenate([[place], best]) - steps) + steps
    return int(row[-1])
