"""A class for each place of a picture: right is who draws the same map."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from compsel.features.tasks.base import Outputs, Task
from compsel.features.tasks.facts import AnswerFacts, OutputFacts
from compsel.features.tasks.margins import log_odds, row_margins
from compsel.features.tasks.scores import sigmoid

__all__ = ["Segmentation"]

_SURE_SHARE = 5  # percentile of the margins of the places: the doubtful ones
_RANKS = (3, 4, 5)


@dataclass(frozen=True)
class Segmentation(Task):
    """Class maps in the first output.

    The quality is the mean over the classes of intersection over union, of those that are in one of the two maps.

    Attributes:
        form: "probabilities" or "logits" of every class, "mask" or "mask logits" for one class alone, "map" of classes.
        axis: of the classes, counted from 0 for the axis of the batch; None for a map.

    >>> maps = np.array([[[[0.9, 0.2]], [[0.1, 0.8]]]])
    >>> Segmentation("probabilities", 1).decide([maps]).tolist()
    [[[0, 1]]]
    """

    name: ClassVar[str] = "segmentation"
    good_enough: ClassVar[float] = 0.9

    form: Literal["probabilities", "logits", "mask", "mask logits", "map"] = "logits"
    axis: int | None = 1

    @classmethod
    def recognise(cls, facts: AnswerFacts) -> Self | None:
        """Return it for maps of classes, by softmax, sigmoid or argmax, or as large as the labels are."""
        first = facts.first
        if first.rank not in _RANKS or first.boxes or first.vectors:
            return None
        if first.activation == "ArgMax" or (not first.floats and facts.labels.kind == "arrays"):
            return cls("map", None) if first.rank > 2 and _wide(first.shape) > 1 else None
        if not first.floats or _wide(first.shape) < 2:
            return None
        drawn = facts.labels.kind == "arrays" and facts.labels.whole and facts.labels.rank > 1
        inside = first.rank > 3 and first.axis in (1, first.rank - 1)
        named = first.rank > 3 and any(word in first.name.lower() for word in ("seg", "mask"))
        masked = first.activation == "Sigmoid" and first.rank > 3
        return cls._of(first) if drawn or (first.soft and inside) or named or masked else None

    @classmethod
    def assumed(cls, facts: AnswerFacts) -> Self:
        """Return it, with the axis of classes where a softmax, or the shortest of the possible ones, shows it."""
        return cls("map", None) if not facts.first.floats else cls._of(facts.first)

    @classmethod
    def _of(cls, first: OutputFacts) -> Self:
        axis = first.axis if first.axis is not None else _shorter(first.shape or ())
        soft = first.activation == "Softmax"
        if first.shape is not None and (first.shape[axis] == 1 or first.activation == "Sigmoid"):
            return cls("mask" if first.activation == "Sigmoid" else "mask logits", axis)
        return cls("probabilities" if soft else "logits", axis)

    @property
    def reading(self) -> str:
        """What the answers are."""
        return "a class for each place; answers of stages are not averaged"

    @property
    def rule(self) -> str:
        """When one is right."""
        return "its map and the label's have a mean intersection over union of at least 0.9"

    @property
    def agreeing(self) -> str:
        """What makes an answer agree with the uncompressed model's."""
        return "right when the mean intersection over union of their maps is at least 0.9"

    def decide(self, outputs: Outputs) -> np.ndarray:
        """Return the map of classes."""
        scores = np.asarray(outputs[0])
        if self.axis is None:
            return scores
        if self.form in ("mask", "mask logits"):
            return np.asarray(scores > (0.5 if self.form == "mask" else 0.0)).astype(np.int64)
        return np.asarray(scores.argmax(axis=self.axis))

    def quality(self, outputs: Outputs, target: Any) -> float:
        """Return the mean intersection over union; 0 for maps of other sizes."""
        found, wanted = np.ravel(self.decide(outputs)), np.ravel(np.asarray(target)).astype(np.int64)
        if found.size != wanted.size or not found.size:
            return 0.0
        shares = [
            np.sum((found == one) & (wanted == one)) / np.sum((found == one) | (wanted == one))
            for one in np.union1d(found, wanted)
        ]
        return float(np.mean(shares))

    def same_decisions(self, outputs: Outputs, reference: Outputs) -> NDArray[np.bool_]:
        """Return for each place whether it is of the same class."""
        return np.asarray(np.ravel(self.decide(outputs) == self.decide(reference)))

    def confidence(self, outputs: Outputs) -> list[float]:
        """Return how clear the decision is in the doubtful places, and on average; of a map, how many classes it has.

        A map of classes says nothing of how sure it is.
        """
        scores = np.asarray(outputs[0])
        if self.axis is None:
            return [-float(len(np.unique(scores)))]
        margins = self._margins(scores.astype(np.float64))
        return [float(np.percentile(margins, _SURE_SHARE)), float(margins.mean())] if margins.size else [0.0, 0.0]

    def _margins(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.form in ("mask", "mask logits"):
            return np.abs(log_odds(np.ravel(scores if self.form == "mask" else sigmoid(scores))))
        assert self.axis is not None
        rows = np.moveaxis(scores, self.axis, -1).reshape(-1, scores.shape[self.axis])
        return row_margins(rows, probabilities=self.form == "probabilities")


def _wide(shape: tuple[int | None, ...] | None) -> int:
    """Return how many axes behind the first are longer than 1."""
    return sum(length != 1 for length in (shape or ())[1:])


def _shorter(shape: tuple[int | None, ...]) -> int:
    """Return the axis of classes: the second one, or the last where that is known to be shorter."""
    second, last = shape[1], shape[-1]
    return len(shape) - 1 if last is not None and (second is None or last < second) else 1
