"""Samples that keep names, labels and groups as tuples."""

from compsel.inputs.samples.base import Samples

__all__ = ["StoredSamples"]


class StoredSamples(Samples):
    """Samples whose names, labels and groups are kept: a subclass sets the three tuples.

    >>> class Pair(StoredSamples):
    ...     _names, _labels, _groups = ("a", "b"), (0, None), ("a", "b")
    ...     def value(self, index):
    ...         return {"x": index}
    >>> Pair().labels
    (0, None)
    """

    _names: tuple[str, ...]
    _labels: tuple[int | None, ...]
    _groups: tuple[str, ...]

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
