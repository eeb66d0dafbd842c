"""Samples that are in memory already."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from compsel.errors import SamplesError
from compsel.inputs.samples.classes import ClassLabels
from compsel.inputs.samples.findings import Findings
from compsel.inputs.samples.listed import ListedSamples, repeated
from compsel.inputs.samples.versions import array_hash

__all__ = ["ArraySamples"]


class ArraySamples(ListedSamples):
    """Samples that are in memory already.

    Args:
        values: images, texts, arrays for the one input of a model, or mappings of named tensors.
        labels: one each; None when there are none.
        names: one each; None numbers them.
        groups: one each, see `Samples.groups`; None: each sample is its own.
        targets: arrays or numbers, one each, that a function of quality is told; None: the labels.
        findings: of making them; None: nothing is said but their number.

    Raises:
        SamplesError: other numbers of labels, names, groups or targets than of values, a name that stands there twice.

    >>> samples = ArraySamples([np.zeros((8, 8, 3), np.uint8)], labels=[4])
    >>> samples[0].label, samples.names
    (4, ('0',))
    """

    # many parameters: all but the values are rarely given
    def __init__(
        self,
        values: Sequence[Any],
        labels: Sequence[int | None] | ClassLabels | None = None,
        names: Sequence[str] | None = None,
        groups: Sequence[str] | None = None,
        targets: Sequence[Any] | None = None,
        findings: Findings | None = None,
    ) -> None:
        said = labels.indices if isinstance(labels, ClassLabels) else labels
        if len({len(part) for part in (values, said, names, groups, targets) if part is not None}) > 1:
            raise SamplesError(
                f"got {len(values)} values and other numbers of labels, names, groups or targets: give one of each"
            )
        if targets is not None and findings is None:
            findings = Findings(targets_from="what was given")
        super().__init__(map(str, range(len(values))) if names is None else names, labels, groups, findings)
        if (twice := repeated(self.names)) is not None:
            raise SamplesError(f"got the name {twice!r} twice: name each sample once")
        self._values = tuple(values)
        self._targets = tuple(targets) if targets is not None else None
        self._versions: dict[int, str] = {}

    def value(self, index: int) -> Any:
        """Return the input at `index`."""
        return self._values[index]

    def target(self, index: int) -> Any:
        """Return the target at `index`."""
        return super().target(index) if self._targets is None else self._targets[index]

    def version(self, index: int) -> str:
        """Return a hash of the arrays at `index`, the target's too."""
        if index not in self._versions:
            target = "" if self._targets is None else array_hash(np.asarray(self._targets[index]))
            self._versions[index] = array_hash(self._values[index]) + target
        return self._versions[index]
