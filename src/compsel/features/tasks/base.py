"""The interface of tasks: kinds of answers, each with what is right, how sure it is, and what is said of it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from compsel.features.tasks.facts import AnswerFacts

__all__ = ["ScoreKind", "Task"]

# what the first output is where answers are classes
ScoreKind = Literal["logits", "probabilities", "logit", "probability"]
Outputs = Sequence[np.ndarray]


@dataclass(frozen=True)
class Task(ABC):
    """A kind of answers. The fields of a subclass are what was found out about them.

    Attributes:
        name: its word, as in `--task`.
        classes: whether an answer is one of exclusive classes: then it is judged by that, and stages are fused.
        by_labels: whether labels can say what is right; else answers are compared with the uncompressed model's.
        reads_confidence: whether it says how sure an answer is; else statistics of the outputs stand in.
        good_enough: an answer of this quality counts as right, unless another one is given.

    >>> from compsel.features.tasks.multilabel import Multilabel
    >>> Multilabel().quality([np.array([[0.9, 0.2, 0.7]])], (0, 2))
    1.0
    """

    name: ClassVar[str]
    classes: ClassVar[bool] = False
    by_labels: ClassVar[bool] = True
    reads_confidence: ClassVar[bool] = True
    good_enough: ClassVar[float] = 1.0

    @classmethod
    @abstractmethod
    def recognise(cls, facts: AnswerFacts) -> Self | None:
        """Return the task where the answers are of this kind; None where they are not, or it is not plain."""

    @classmethod
    def assumed(cls, facts: AnswerFacts) -> Self:
        """Return the task as it is where somebody says that the answers are of this kind."""
        return cls.recognise(facts) or cls()

    @property
    def score_kind(self) -> ScoreKind | None:
        """What the first output is, for a task of classes; None: told by its values."""
        return None

    @property
    @abstractmethod
    def reading(self) -> str:
        """What the answers are: the rest of a sentence that begins with "answers are read as:"."""

    @property
    @abstractmethod
    def rule(self) -> str:
        """When one is right, by labels: the rest of a sentence that begins with "right when"."""

    def rule_from(self, good_enough: float) -> str:
        """When one is right, by labels, where another quality than the usual one is asked for."""
        return f"its quality by the label is at least {good_enough:g}"

    def sentence(self, *, labelled: bool, reference: str, good_enough: float | None = None) -> str:
        """Return the line that says how answers are read, judged, and changed.

        Args:
            labelled: whether labels judge.
            reference: the model that judges where they do not.
            good_enough: least quality of a right answer; None: the usual one.
        """
        rule = self.rule if good_enough in (None, self.good_enough) else self.rule_from(good_enough)
        right = f"right when {rule}" if labelled else f"compared with those of {reference}, {self.agreeing}"
        return f"answers are read as: {self.reading}; {right}; --task to change"

    @property
    def agreeing(self) -> str:
        """What makes an answer agree with the uncompressed model's."""
        return "right when they decide the same"

    def decide(self, outputs: Outputs) -> Any:
        """Return what the outputs of one inference decide, as a label says it."""
        return outputs

    def words(self, outputs: Outputs, names: Sequence[str] = ()) -> str:
        """Return what the outputs of one inference decide, for people; "" where it is no few classes.

        Args:
            outputs: of the inference.
            names: of the classes; numbers stand in for those that have none.
        """
        return ""

    @abstractmethod
    def quality(self, outputs: Outputs, target: Any) -> float:
        """Return how right the outputs of one inference are, from 0 to 1.

        Args:
            outputs: of the inference.
            target: what the label says, or what the uncompressed model decides (`decide`).
        """

    def same_decisions(self, outputs: Outputs, reference: Outputs) -> NDArray[np.bool_] | None:
        """Return for each row (n,) of a batch whether it decides the same; None where outputs decide nothing by row."""
        return None

    def confidence(self, outputs: Outputs) -> list[float]:
        """Return a few numbers that tell how sure an answer is; the higher, the surer."""
        raise NotImplementedError

    @staticmethod
    def named(place: int, names: Sequence[str]) -> str:
        """Return the name of a class; its number where it has none."""
        return names[place] if 0 <= place < len(names) else str(place)

    def options(self) -> dict[str, Any]:
        """Return the JSON form of what was found out."""
        return asdict(self)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(**options)
