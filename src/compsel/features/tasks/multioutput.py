"""Several heads, each with classes of its own: an answer is right where every head's is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from compsel.features.tasks.base import Outputs, Task
from compsel.features.tasks.facts import AnswerFacts, OutputFacts
from compsel.features.tasks.margins import mean_and_least, row_margins
from compsel.features.tasks.scores import same_top_rows

__all__ = ["Multioutput"]


@dataclass(frozen=True)
class Multioutput(Task):
    """Class scores in several outputs: the digits of a number, or age and mood of one face.

    Attributes:
        probabilities: of each head, whether its scores are probabilities; else logits.

    >>> heads = [np.array([[0.1, 0.9]]), np.array([[0.8, 0.2]])]
    >>> Multioutput((True, True)).decide(heads), Multioutput((True, True)).quality(heads, (1, 1))
    ((1, 0), 0.5)
    """

    name: ClassVar[str] = "multioutput"

    probabilities: Sequence[bool] = ()

    @classmethod
    def recognise(cls, facts: AnswerFacts) -> Self | None:
        """Return it for two or more heads, unless the labels are one class each: then they are the first one's."""
        heads = facts.outputs
        if len(heads) < 2 or not all(_is_head(head) for head in heads):
            return None
        if len({head.shape and head.shape[0] for head in heads}) > 1:  # rows of other things
            return None
        if facts.labels.kind in ("classes", "numbers"):
            return None
        if facts.labels.length not in (0, len(heads)):
            return None
        return cls._of(facts)

    @classmethod
    def assumed(cls, facts: AnswerFacts) -> Self:
        """Return it for all outputs."""
        return cls._of(facts)

    @classmethod
    def _of(cls, facts: AnswerFacts) -> Self:
        return cls(tuple(head.activation in ("Softmax", "Sigmoid") for head in facts.outputs))

    @property
    def reading(self) -> str:
        """What the answers are."""
        return f"{len(self.probabilities)} outputs of exclusive classes each; answers of stages are not averaged"

    @property
    def rule(self) -> str:
        """When one is right."""
        return "every output's highest score is its label (quality: the share of outputs)"

    @property
    def agreeing(self) -> str:
        """What makes an answer agree with the uncompressed model's."""
        return "right when every output decides the same"

    def decide(self, outputs: Outputs) -> tuple[int, ...]:
        """Return the class of every head."""
        return tuple(
            int(np.argmax(output)) if np.size(output) > 1 else int(np.ravel(output)[0] > (0.5 if soft else 0.0))
            for output, soft in zip(outputs, self.probabilities, strict=True)
        )

    def words(self, outputs: Outputs, names: Sequence[str] = ()) -> str:
        """Return the class of every head; `names` are the first one's alone."""
        return ", ".join(map(str, self.decide(outputs)))

    def quality(self, outputs: Outputs, target: Any) -> float:
        """Return the share of heads whose class is the label's."""
        wanted = np.ravel(np.asarray(target))
        found = np.array(self.decide(outputs))
        return float(np.mean(found == wanted)) if found.shape == wanted.shape else 0.0

    def same_decisions(self, outputs: Outputs, reference: Outputs) -> NDArray[np.bool_] | None:
        """Return for each row whether every head decides the same."""
        found: list[NDArray[np.bool_]] = []
        for output, other, soft in zip(outputs, reference, self.probabilities, strict=True):
            border = 0.5 if soft else 0.0
            alone = output.size == len(output)
            same = (output.ravel() > border) == (other.ravel() > border) if alone else same_top_rows(output, other)
            if same is None or (found and len(same) != len(found[0])):
                return None
            found.append(same)
        return np.asarray(np.all(found, axis=0))

    def confidence(self, outputs: Outputs) -> list[float]:
        """Return how far the best class lies above the second one, in the least decided head, and on average."""
        margins = [
            row_margins(np.asarray(output, np.float64).reshape(1, -1), probabilities=soft)
            for output, soft in zip(outputs, self.probabilities, strict=True)
        ]
        return mean_and_least(np.concatenate(margins))


def _is_head(output: OutputFacts) -> bool:
    """Whether an output holds scores of classes of its own, not those of another one in another form."""
    if not output.floats or output.boxes or output.vectors or output.made_of is not None:
        return False
    if output.single:
        return output.activation == "Sigmoid"
    plain = output.rank == 2 and output.activation == ""
    return output.class_axis is not None and (output.soft or plain)
