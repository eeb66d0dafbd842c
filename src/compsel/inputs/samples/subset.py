"""Some of other samples."""

from collections.abc import Sequence
from typing import Any

from compsel.inputs.samples.base import Samples
from compsel.inputs.samples.description import describe
from compsel.inputs.samples.findings import Findings
from compsel.inputs.samples.stored import StoredSamples

__all__ = ["Subset"]


class Subset(StoredSamples):
    """Some of other samples.

    >>> from compsel.inputs.samples import ArraySamples
    >>> ArraySamples([{}, {}, {}], labels=[5, 6, 7]).subset([2, 0]).labels
    (7, 5)
    """

    def __init__(self, samples: Samples, indices: Sequence[int]) -> None:
        self.samples = samples
        self.indices = tuple(int(index) for index in indices)
        names, labels, groups = samples.names, samples.labels, samples.groups
        self._names = tuple(names[index] for index in self.indices)
        self._labels = tuple(labels[index] for index in self.indices)
        self._groups = tuple(groups[index] for index in self.indices)

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

    def said(self, index: int) -> str:
        """Return a label that is no class as it stands there."""
        return self.samples.said(self.indices[index])

    def check_classes(self) -> None:
        """Raise SamplesError for a label that is no class."""
        self.samples.check_classes()

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

    def check(self, index: int) -> None:
        """Read the input at `index`."""
        self.samples.check(self.indices[index])

    @property
    def findings(self) -> Findings:
        """What opening the samples came upon."""
        return self.samples.findings

    @property
    def description(self) -> str:
        """What the samples were taken for, and how many of them these are."""
        whole = self.samples
        while isinstance(whole, Subset):
            whole = whole.samples
        return describe(self.labels, self.findings, of=len(whole))

    @property
    def notes(self) -> tuple[str, ...]:
        """Further lines, as those of all of the samples."""
        return self.samples.notes

    @property
    def _may_be_unreadable(self) -> bool:
        return self.samples._may_be_unreadable
