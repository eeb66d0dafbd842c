"""What is known of a model's answers before any is measured: what its graph shows, and what labels look like."""

import re
from dataclasses import dataclass
from typing import Literal

__all__ = ["AnswerFacts", "LabelFacts", "LabelKind", "OutputFacts"]

# none: no labels; classes: a whole number each; several: several each, such as `2 4`; numbers: real ones; arrays
LabelKind = Literal["none", "classes", "several", "numbers", "arrays"]
_BOXES = r"box|bbox|anchor|landmark|keypoint|offset|coord"
_VECTORS = r"embed|hidden|feature|pool|attention|state|vector"
_NUMBERS = r"^variable\d*$|regress"  # scikit-learn's exports call them "variable"
_SOFTMAX = ("Softmax", "LogSoftmax")


@dataclass(frozen=True, slots=True)
class OutputFacts:
    """What a graph shows of one output.

    Attributes:
        name: of the output.
        dtype: numpy name of its elements, "string", or "other" for sequences and maps.
        shape: None for an axis of any length; None where nothing is known.
        activation: the operator that makes it, where it is one of "Softmax", "LogSoftmax", "Sigmoid", "ArgMax"; "".
        axis: the axis that a softmax or an argmax runs along, counted from 0; None elsewhere, and where nobody
            knows it.
        made_of: index of another output that it is made of by nothing but an activation; None.
        regressor: whether an operator for real numbers makes it (`TreeEnsembleRegressor`).

    >>> OutputFacts("scores", "float32", (None, 10, 1, 1)).class_axis, OutputFacts("p", "float32", (None, 1)).single
    (1, True)
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None
    activation: str = ""
    axis: int | None = None
    made_of: int | None = None
    regressor: bool = False

    @property
    def floats(self) -> bool:
        """Whether it holds real numbers."""
        return self.dtype.startswith("float")

    @property
    def rank(self) -> int:
        """Number of axes; 0 where it is not known."""
        return len(self.shape or ())

    @property
    def single(self) -> bool:
        """Whether it holds one number for an input: (n,), (n, 1), (n, 1, 1)."""
        return self.shape is not None and self.rank > 0 and all(axis == 1 for axis in self.shape[1:])

    @property
    def class_axis(self) -> int | None:
        """The one axis behind the first that is longer than 1; of a softmax, any; None where there are several."""
        if self.shape is None:
            return None
        long = [axis for axis, length in enumerate(self.shape) if axis and length != 1]
        if len(long) == 1:
            return long[0]
        if not long and self.soft and self.shape and self.shape[0] not in (None, 1):
            return 0
        # a class axis that stands before the batch: (10, n)
        if self.soft and self.axis == 0 and self.rank == 2 and self.shape[0] is not None:
            return 0
        return None

    @property
    def soft(self) -> bool:
        """Whether it ends with a softmax."""
        return self.activation in _SOFTMAX

    @property
    def numbers(self) -> bool:
        """Whether its maker, or its name, says that it holds real numbers that are no scores."""
        return self.regressor or (bool(re.search(_NUMBERS, self.name, re.IGNORECASE)) and self.activation == "")

    @property
    def boxes(self) -> bool:
        """Whether its name says that it holds places in a picture."""
        return bool(re.search(_BOXES, self.name, re.IGNORECASE)) and not self.soft

    @property
    def vectors(self) -> bool:
        """Whether its name says that it holds what the network has inside."""
        return bool(re.search(_VECTORS, self.name, re.IGNORECASE)) and not self.soft


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """What the labels of samples look like.

    Attributes:
        kind: see `LabelKind`.
        distinct: number of different classes.
        largest: of the classes; -1 where there are none.
        length: of what is several, or of the arrays; 0 where they differ or there are none.
        rank: of the arrays.
        whole: whether the arrays hold whole numbers.
        spread: of real numbers: the standard deviation; 0 where there are none.

    >>> LabelFacts("classes", distinct=2, largest=1).binary
    True
    """

    kind: LabelKind = "none"
    distinct: int = 0
    largest: int = -1
    length: int = 0
    rank: int = 0
    whole: bool = False
    spread: float = 0.0

    @property
    def binary(self) -> bool:
        """Whether they are classes 0 and 1."""
        return self.kind == "classes" and self.largest <= 1


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """What is known of the answers of a model.

    Attributes:
        outputs: of the graph.
        labels: of the samples.
        named: number of the model's classes that have names; 0 for none.
        operators: of the graph.
        embedding: whether it gives a vector that stands for its input.
        said: what the file says it does (`task` in its metadata, as Ultralytics writes it); "".

    >>> AnswerFacts((OutputFacts("y", "float32", (None, 3)),)).first.name
    'y'
    """

    outputs: tuple[OutputFacts, ...]
    labels: LabelFacts = LabelFacts()
    named: int = 0
    operators: frozenset[str] = frozenset()
    embedding: bool = False
    said: str = ""

    @property
    def first(self) -> OutputFacts:
        """The first output."""
        return self.outputs[0]

    @property
    def further(self) -> tuple[OutputFacts, ...]:
        """The outputs that say more than the first: no other form of it, and no labels beside scores."""
        return tuple(
            one
            for place, one in enumerate(self.outputs[1:], start=1)
            if one.made_of != 0 and place != self.first.made_of and (one.floats or not self.first.floats)
        )

    def made_into(self, activation: str) -> bool:
        """Whether another output is the first one with an activation."""
        return any(one.made_of == 0 and one.activation == activation for one in self.outputs[1:])
