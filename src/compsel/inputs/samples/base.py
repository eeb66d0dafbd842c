"""Samples: the inputs that a model is calibrated, measured and trained on, with their labels where there are any."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["MOST_CLASSES", "ListedSamples", "Sample", "Samples", "Subset", "repeated"]

MOST_CLASSES = 2**31  # the indices of classes are stored as int32


@dataclass(frozen=True, slots=True)
class Sample:
    """One input.

    Attributes:
        name: what it is called in tables; unique among its samples.
        value: of its modality: a uint8 (height, width, 3) RGB image, a text, or named tensors.
        label: index of its class, or None.

    >>> Sample("cat.npz", {"length": 3}).label is None
    True
    """

    name: str
    value: Any
    label: int | None = None


class Samples(ABC):
    """A sequence of samples that are read one by one, when they are needed: memory does not grow with their number.

    >>> class Squares(Samples):
    ...     names, labels = ("zero", "one", "two"), (None, None, None)
    ...     def value(self, index):
    ...         return {"x": index**2}
    >>> [sample.value["x"] for sample in Squares().spread(2)], Squares().labelled
    ([0, 1], False)
    """

    def __repr__(self) -> str:
        labelled = sum(label is not None for label in self.labels)
        return f"{type(self).__name__}({len(self)} samples, {labelled} with labels)"

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Name of every sample."""

    @property
    @abstractmethod
    def labels(self) -> tuple[int | None, ...]:
        """Label of every sample."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Group of every sample; by default each is its own.

        Those of one group, such as versions of one photograph, are never split between training and test.
        """
        return self.names

    @abstractmethod
    def value(self, index: int) -> Any:
        """Read the input at `index`."""

    def source(self, index: int) -> Any:
        """Return what an app would hold of the input at `index`: the bytes of a file; by default the value itself."""
        return self.value(index)

    def undecoded(self, index: int) -> Any:
        """Return the input at `index` as the runtime sees it: decoded no sooner, and no more finely, than needed.

        By default, and for all but encoded images, that is the value.
        """
        return self.value(index)

    def target(self, index: int) -> Any:
        """Return what a user's function of quality is given beside the outputs: the label, or more."""
        return self.labels[index]

    def version(self, index: int) -> str:
        """Return a text that changes with the content at `index`; "" where a change cannot be noticed."""
        return ""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order that the labels count; () where they are not known."""
        return ()

    def ordered_by(self, labels: Sequence[str]) -> "Samples":
        """Return these samples with labels that count the classes of a model, where theirs are names.

        Args:
            labels: names of the model's classes; () where it has none.

        Raises:
            SamplesError: a label that is none of them.
        """
        return self

    def label_note(self) -> str:
        """Say in a line where the order of the classes is from; "" where the labels are their numbers."""
        return ""

    def digest(self, count: int | None = None) -> str:
        """Return a SHA-256 of names, labels and versions of the first `count` samples; None: of all.

        What was measured with samples of another digest has to be measured again.
        """
        names, labels = self.names[:count], self.labels[:count]
        rows = [[names[index], labels[index], self.version(index)] for index in range(len(names))]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.names[index], self.value(index), self.labels[index])

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    @property
    def labelled(self) -> bool:
        """Whether every sample has a label."""
        return all(label is not None for label in self.labels)

    def subset(self, indices: Sequence[int]) -> "Subset":
        """Return the samples at `indices`."""
        return Subset(self, indices)

    def spread(self, count: int) -> "Subset":
        """Return at most `count` samples, evenly spread; the same ones each time."""
        count = min(count, len(self))
        return Subset(self, [index * len(self) // count for index in range(count)])


class ListedSamples(Samples):
    """Samples whose names, labels and groups are known before any is read.

    Args:
        names: one each, unique.
        labels: one each; None when there are none.
        groups: one each, see `Samples.groups`; None: each sample is its own.

    >>> class Constant(ListedSamples):
    ...     def value(self, index):
    ...         return {"x": 1}
    >>> Constant(["a", "b"], labels=[0, 1]).groups
    ('a', 'b')
    """

    def __init__(
        self, names: Iterable[str], labels: Sequence[int | None] | None = None, groups: Sequence[str] | None = None
    ) -> None:
        self._names = tuple(names)
        self._labels = tuple(labels) if labels is not None else (None,) * len(self._names)
        self._groups = tuple(groups) if groups is not None else self._names

    @property
    def names(self) -> tuple[str, ...]:
        """Name of every sample."""
        return self._names

    @property
    def labels(self) -> tuple[int | None, ...]:
        """Label of every sample."""
        return self._labels

    @property
    def groups(self) -> tuple[str, ...]:
        """Group of every sample."""
        return self._groups


class Subset(ListedSamples):
    """Some of other samples.

    >>> from compsel.inputs.samples import ArraySamples
    >>> ArraySamples([{}, {}, {}], labels=[5, 6, 7]).subset([2, 0]).labels
    (7, 5)
    """

    def __init__(self, samples: Samples, indices: Sequence[int]) -> None:
        self.samples = samples
        self.indices = tuple(int(index) for index in indices)
        names, labels, groups = samples.names, samples.labels, samples.groups
        super().__init__(
            [names[index] for index in self.indices],
            [labels[index] for index in self.indices],
            [groups[index] for index in self.indices],
        )

    def value(self, index: int) -> Any:
        """Read the input at `index`."""
        return self.samples.value(self.indices[index])

    def source(self, index: int) -> Any:
        """Return what an app would hold of the input at `index`."""
        return self.samples.source(self.indices[index])

    def undecoded(self, index: int) -> Any:
        """Return the input at `index` as the runtime sees it."""
        return self.samples.undecoded(self.indices[index])

    def target(self, index: int) -> Any:
        """Return what a function of quality is given beside the outputs."""
        return self.samples.target(self.indices[index])

    def version(self, index: int) -> str:
        """Return a text that changes with the content at `index`."""
        return self.samples.version(self.indices[index])

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order that the labels count; () where they are not known."""
        return self.samples.label_names

    def ordered_by(self, labels: Sequence[str]) -> "Subset":
        """Return these samples with labels that count the classes of a model, where theirs are names."""
        return Subset(self.samples.ordered_by(labels), self.indices)

    def label_note(self) -> str:
        """Say in a line where the order of the classes is from; "" where the labels are their numbers."""
        return self.samples.label_note()


def repeated(names: Sequence[str]) -> str | None:
    """Return a name that stands there more than once, None where each is unique.

    >>> repeated(["a", "b", "a"])
    'a'
    """
    return next((name for name, count in Counter(names).most_common(1) if count > 1), None)
