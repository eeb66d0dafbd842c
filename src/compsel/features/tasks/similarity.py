"""What is compared as a whole: embeddings, detections, and whatever else a model gives."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from compsel.features.tasks.base import Outputs, Task
from compsel.features.tasks.facts import AnswerFacts
from compsel.models.output_comparison import likeness

__all__ = ["Detection", "Embedding", "Similarity"]

_BOX = 4
_DETECTIONS = ("detect", "obb", "pose", "segment")


@dataclass(frozen=True)
class Similarity(Task):
    """Whatever a model gives: all outputs are compared with those of the uncompressed model.

    >>> import numpy as np
    >>> Similarity().quality([np.array([3.0, 4.5])], [np.array([3.0, 4.0])])
    0.9
    """

    name: ClassVar[str] = "similarity"
    by_labels: ClassVar[bool] = False
    reads_confidence: ClassVar[bool] = False
    good_enough: ClassVar[float] = 0.9

    @classmethod
    def recognise(cls, facts: AnswerFacts) -> Self | None:
        """Return it: it is what is left."""
        return cls()

    @property
    def reading(self) -> str:
        """What the answers are."""
        return "numbers, by likeness over all outputs"

    @property
    def rule(self) -> str:
        """When one is right."""
        return self.agreeing

    @property
    def agreeing(self) -> str:
        """What makes an answer agree with the uncompressed model's."""
        return "right when the relative error is at most 0.1"

    def quality(self, outputs: Outputs, target: Any) -> float:
        """Return 1 less the relative error."""
        return likeness(outputs, target)


class Embedding(Similarity):
    """A vector that stands for its input, compared by the angle.

    >>> Embedding().name
    'embedding'
    """

    name: ClassVar[str] = "embedding"

    @classmethod
    def recognise(cls, facts: AnswerFacts) -> Self | None:
        """Return it where the graph or its names say so, unless labels are classes of one more output."""
        return cls() if facts.embedding else None

    @property
    def reading(self) -> str:
        """What the answers are."""
        return "a vector that stands for its input, by likeness"

    @property
    def agreeing(self) -> str:
        """What makes an answer agree with the uncompressed model's."""
        return "right when the cosine is at least 0.9"

    def quality(self, outputs: Outputs, target: Any) -> float:
        """Return the cosine of the angle."""
        return likeness(outputs, target, cosine=True)


class Detection(Similarity):
    """Boxes, with scores and classes: all outputs are compared, and labels are not used.

    >>> Detection().name
    'detection'
    """

    name: ClassVar[str] = "detection"

    @classmethod
    def recognise(cls, facts: AnswerFacts) -> Self | None:
        """Return it for suppressed or named boxes, for four numbers beside class scores, or where the file says so."""
        if facts.said in _DETECTIONS or "NonMaxSuppression" in facts.operators:
            return cls()
        if any(one.boxes for one in facts.outputs):
            return cls()
        scores = {one.made_of for one in facts.outputs}  # what is shown with an activation too are no corners
        own = [one for place, one in enumerate(facts.outputs) if one.made_of is None and place not in scores]
        four = [one for one in own if one.floats and one.rank > 1 and (one.shape or (0,))[-1] == _BOX]
        # corners may be scaled to 0 and 1, but then there are many
        plain = [one for one in four if one.activation == "" or (one.activation == "Sigmoid" and one.rank > 2)]
        beside = [one for one in own if one not in four and (one.soft or one.activation == "Sigmoid")]
        return cls() if plain and beside else None

    @property
    def reading(self) -> str:
        """What the answers are."""
        return "boxes with scores, by likeness over all outputs: labels are not used; --quality judges by labels"
