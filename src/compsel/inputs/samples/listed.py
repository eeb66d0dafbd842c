"""Samples whose names, labels and groups are known before any is read."""

import copy
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from compsel.inputs.samples.classes import ClassLabels, LabelOrder
from compsel.inputs.samples.findings import Findings
from compsel.inputs.samples.stored import StoredSamples

__all__ = ["ListedSamples", "repeated"]


class ListedSamples(StoredSamples):
    """Samples whose names, labels and groups are known before any is read.

    Args:
        names: one each, unique.
        labels: one each; None when there are none.
        groups: one each, see `Samples.groups`; None: each sample is its own.
        findings: of opening them; None: nothing is said but their number.

    >>> class Constant(ListedSamples):
    ...     def value(self, index):
    ...         return {"x": 1}
    >>> Constant(["a", "b"], labels=[0, 1]).groups
    ('a', 'b')
    """

    def __init__(
        self,
        names: Iterable[str],
        labels: Sequence[int | None] | ClassLabels | None = None,
        groups: Sequence[str] | None = None,
        findings: Findings | None = None,
    ) -> None:
        self._names = tuple(names)
        self._classes = labels if isinstance(labels, ClassLabels) else None
        indices = labels.indices if isinstance(labels, ClassLabels) else labels
        self._labels = tuple(indices) if indices is not None else (None,) * len(self._names)
        self._groups = tuple(groups) if groups is not None else self._names
        self._findings = findings if findings is not None else Findings()

    @property
    def findings(self) -> Findings:
        """What opening the samples came upon."""
        return self._findings

    @property
    def notes(self) -> tuple[str, ...]:
        """Further lines: where the order of the classes is from, what was left out and why, what was assumed."""
        order = "" if self._classes is None else self._classes.note
        return (*([order] if order else []), *self._findings.notes)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the classes, in the order that the labels count; () where labels are numbers without names."""
        return () if self._classes is None else self._classes.names

    @property
    def label_order(self) -> LabelOrder:
        """Where the order of the classes is from; "numbers" where the labels say it themselves."""
        if self._classes is not None:
            return self._classes.order
        return "none" if all(label is None for label in self._labels) else "numbers"

    def target(self, index: int) -> Any:
        """Return what the label at `index` says: its class, several of them, or a number."""
        targets = () if self._classes is None else self._classes.targets
        return targets[index] if targets else self._labels[index]

    def said(self, index: int) -> str:
        """Return the label at `index` as it stands there, where it is no class; else ""."""
        classes = self._classes
        return "" if classes is None or not classes.targets else classes.said[index] or ""

    def check_classes(self) -> None:
        """Raise SamplesError for a label that is no class."""
        if self._classes is not None:
            self._classes.check()

    def ordered_by(self, labels: Sequence[str]) -> "ListedSamples":
        """Return these samples with the classes in the order of a model's outputs.

        Raises:
            SamplesError: see `ClassLabels.ordered_by`.
        """
        classes = None if self._classes is None else self._classes.ordered_by(labels)
        if classes is self._classes or classes is None:
            return self
        ordered = copy.copy(self)
        ordered._classes, ordered._labels = classes, classes.indices
        return ordered


def repeated(names: Sequence[str]) -> str | None:
    """Return a name that stands there more than once, None where each is unique.

    >>> repeated(["a", "b", "a"])
    'a'
    """
    return next((name for name, count in Counter(names).most_common(1) if count > 1), None)
