"""Feeds of samples that are gone through many times."""

from collections.abc import Iterator

import numpy as np

from compsel.inputs.feeds import feeds_of
from compsel.inputs.samples import Samples
from compsel.models.model import Model

__all__ = ["SampleFeeds"]

_KEPT_BYTES = 256_000_000


class SampleFeeds:
    """Feeds of samples that can be gone through again; what fits into 256 MB is kept, the rest is read each time.

    >>> from compsel.networks import build
    >>> from compsel.inputs.samples import ArraySamples
    >>> model = build("mobilenet-v1", width=0.25, resolution=32)
    >>> [*next(iter(SampleFeeds(model, ArraySamples([np.zeros((32, 32, 3), np.uint8)]))))]
    ['input']
    """

    def __init__(self, model: Model, samples: Samples) -> None:
        self.model, self.samples = model, samples
        self._kept: dict[int, dict[str, np.ndarray]] = {}
        self._free = _KEPT_BYTES

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return (self._feeds(index) for index in range(len(self.samples)))

    def _feeds(self, index: int) -> dict[str, np.ndarray]:
        if index in self._kept:
            return self._kept[index]
        feeds = feeds_of(self.model, self.samples.value(index))
        size = sum(value.nbytes for value in feeds.values())
        if size <= self._free:
            self._kept[index], self._free = feeds, self._free - size
        return feeds
