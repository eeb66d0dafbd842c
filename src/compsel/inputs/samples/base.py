"""Samples: the inputs that a model is calibrated, measured and trained on, with their labels where there are any."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from compsel.errors import InputError, SamplesError
from compsel.inputs.samples.description import describe
from compsel.inputs.samples.findings import Findings
from compsel.progress import SILENT, Reporter

if TYPE_CHECKING:
    from compsel.inputs.samples.subset import Subset

__all__ = ["Sample", "Samples"]


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

    def said(self, index: int) -> str:
        """Return a label that is no class as it stands there; "" for others, and where a version tells it."""
        return ""

    def check_classes(self) -> None:
        """Raise SamplesError for a label that is no class."""
        return

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

    @property
    def findings(self) -> Findings:
        """What opening the samples came upon."""
        return Findings()

    @property
    def description(self) -> str:
        """What the samples were taken for, in a line: "600 images of 600 classes, 1 each; labels from labels.csv"."""
        return describe(self.labels, self.findings)

    @property
    def notes(self) -> tuple[str, ...]:
        """Further lines: where the order of the classes is from, what was left out and why, what was assumed."""
        return tuple(self.findings.notes)

    def say(self, reporter: Reporter) -> None:
        """Tell a reporter what the samples were taken for, a line each."""
        for line in (self.description, *self.notes):
            reporter.say(line)

    def check(self, index: int) -> None:
        """Read the input at `index`, where what opening has read of it does not show that it can be read.

        Raises:
            InputError, SamplesError: it cannot.
        """
        return

    def readable(self, reporter: Reporter = SILENT) -> "Samples":
        """Return these samples without those that cannot be read, which a reporter is told.

        What is measured needs every one of them, again and again: better found before than after hours.

        Raises:
            SamplesError: none is left, or samples that have to be complete are not.
        """
        damaged, reasons = set(), []
        for index in reporter.track(range(len(self)), "reading samples") if self._may_be_unreadable else ():
            try:
                self.check(index)
            except (InputError, SamplesError) as error:
                damaged.add(index)
                reasons.append(str(error))
        if not damaged:
            return self
        found = Findings(strict=self.findings.strict, noun=self.findings.noun)
        found.leave_out(reasons, "cannot be read")
        if len(damaged) == len(self):
            raise SamplesError(f"no sample can be read: {reasons[0]}")
        for line in found.notes:
            reporter.say(line)
        return self.subset([index for index in range(len(self)) if index not in damaged])

    @property
    def _may_be_unreadable(self) -> bool:
        """Whether `check` may find something."""
        return type(self).check is not Samples.check

    def digest(self, count: int | None = None) -> str:
        """Return a SHA-256 of names, labels and versions of the first `count` samples; None: of all.

        What was measured with samples of another digest has to be measured again.
        """
        names, labels = self.names[:count], self.labels[:count]
        rows = [[names[index], labels[index], self.version(index) + self.said(index)] for index in range(len(names))]
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
        from compsel.inputs.samples.subset import Subset  # which is a kind of samples itself

        return Subset(self, indices)

    def spread(self, count: int) -> "Subset":
        """Return at most `count` samples, evenly spread; the same ones each time."""
        count = min(count, len(self))
        return self.subset([index * len(self) // count for index in range(count)])
