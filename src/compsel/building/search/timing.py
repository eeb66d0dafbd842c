"""How fast a variant is beside its model: both run in turns, so that what drifts hits both alike."""

import statistics
import time
from collections.abc import Mapping, Sequence

import numpy as np

from compsel.models.model import Model
from compsel.processors import parse

__all__ = ["RelativeTimer"]

_ROUNDS = 15
_WARM_UP = 2


class RelativeTimer:
    """Measures latencies relative to a model.

    Args:
        model: what others are compared with.
        processor: where everything runs, as `compsel.processors.parse` reads it.
        feeds: inputs of the model, used in turn.

    Raises:
        ProcessorError: one that does not exist.

    >>> from compsel.networks import build
    >>> model = build("mobilenet-v1", width=0.25, resolution=32)
    >>> RelativeTimer(model, "cpu:1", [{"input": np.zeros((1, 3, 32, 32), np.float32)}]).ratio(model) > 0
    True
    """

    def __init__(self, model: Model, processor: str, feeds: Sequence[Mapping[str, np.ndarray]]) -> None:
        self._processor, self._feeds = parse(processor), list(feeds)
        self._session = self._processor.open(model.serialize())

    def ratio(self, variant: Model, rounds: int = _ROUNDS) -> float:
        """Return the median of the ratios of the latencies, variant over model, of runs side by side."""
        other = self._processor.open(variant.serialize())
        ratios = []
        for number in range(-_WARM_UP, rounds):
            feed = self._feeds[number % len(self._feeds)]
            spent = []
            for session in (self._session, other):
                started = time.perf_counter_ns()
                session.run(feed)
                spent.append(time.perf_counter_ns() - started)
            if number >= 0:
                ratios.append(spent[1] / spent[0])
        return statistics.median(ratios)
