"""LatencyCorrections of the cost model by what inferences really take."""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["LatencyCorrections"]

StateCoordinates = tuple[float, ...]

_KEPT = 9  # measured inferences a processor: a new level is believed when most of them show it
_MODEL_WEIGHT = 1.5  # of what is believed otherwise, in inferences: one outlier does not move it, two in a row do
_FORGET_S = 10.0
_SHARED = 0.5  # part of what one processor shows that is believed of the others: the device is slower than it seems
_SHARED_GAIN, _SHARED_S = 0.2, 3.0
_ENOUGH = 0.5  # weight of its own inferences with which a processor needs none of the others'
_NEAR = 0.35  # standard deviation of the weight over the device's state, in log(1 + coordinate)
_LASTING_GAIN, _LASTING_CLIP = 0.05, 1.0
_LASTING_S = 600.0
_CHOICE_GAIN, _CHOICE_CLIP, _CHOICE_MOST = 0.1, 0.5, 0.7
_NOTICEABLE = 0.05  # smaller changes of a logarithm make no new costs


class LatencyCorrections:
    """How much longer, or shorter, each choice takes than the cost model says.

    A processor's correction is the weighted median of the log-ratios of its last inferences and of what is believed
    of it otherwise: weights fall with age and with the distance of the device's state, then and now. So an outlier
    changes nothing, a change of level is followed after two to six inferences, and what was seen under other load
    waits until that load is back. Believed of a processor are its lasting correction, which follows slowly and is
    forgotten slowly and mends a wrong profile, and half of what inferences on any processor showed within the last
    seconds, where it did not run itself: most often it is the device that is slower than its state says, and the
    processors that did not run are no better off. What is left over belongs, weakly, to the choice.

    Args:
        choices: pairs of variant and processor.
        clock: seconds, from some start.

    >>> corrections = LatencyCorrections([("a", "cpu:1"), ("a", "cpu:2")])
    >>> for _ in range(3):
    ...     _ = corrections.observe(1, expected_ms=2.0, measured_ms=6.0, where=(0.0,))
    >>> corrections.factors().round(1)
    array([1.3, 3. ])
    """

    def __init__(self, choices: Sequence[tuple[str, str]], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        names = list(dict.fromkeys(processor for _, processor in choices))
        self._processor = [names.index(processor) for _, processor in choices]
        self._columns = np.array(self._processor, np.intp)
        self._seen: list[deque[tuple[float, float, StateCoordinates]]] = [deque(maxlen=_KEPT) for _ in names]
        self._lasting = [0.0] * len(names)
        self._lasting_since_s = [clock()] * len(names)
        self._logs = [0.0] * len(names)
        self._of_choice = [0.0] * len(choices)
        self._shared, self._shared_since_s = 0.0, clock()
        self._where: StateCoordinates = ()
        self._factors = np.ones(len(choices))
        self._given = [0.0] * len(choices)
        self._changed = False

    def observe(self, choice: int, expected_ms: float, measured_ms: float, where: StateCoordinates) -> bool:
        """Learn from one inference; return whether costs changed noticeably.

        Args:
            choice: its number.
            expected_ms: what the cost model says, not corrected.
            measured_ms: what it took.
            where: coordinates of the device's state, as log(1 + number).
        """
        processor, now = self._processor[choice], self._clock()
        ratio = math.log(measured_ms / expected_ms) - self._of_choice[choice]
        self._where = where
        self._seen[processor].append((now, ratio, where))
        lasting = self._lasting[processor] * math.exp((self._lasting_since_s[processor] - now) / _LASTING_S)
        error = min(_LASTING_CLIP, max(-_LASTING_CLIP, ratio - lasting))
        shared = self._shared_at(now)
        self._shared, self._shared_since_s = shared + _SHARED_GAIN * (error - shared), now
        self._lasting[processor], self._lasting_since_s[processor] = lasting + _LASTING_GAIN * error, now
        self._update(processor, now)
        rest = min(_CHOICE_CLIP, max(-_CHOICE_CLIP, ratio - self._logs[processor]))
        weak = self._of_choice[choice] + _CHOICE_GAIN * rest
        self._of_choice[choice] = min(_CHOICE_MOST, max(-_CHOICE_MOST, weak))
        total = self._logs[processor] + self._of_choice[choice]
        self._changed |= abs(total - self._given[choice]) > _NOTICEABLE
        return self._changed

    def move(self, where: StateCoordinates) -> None:
        """Take note of the device's present state, and of the time: what was seen elsewhere, or long ago, fades."""
        self._shared *= _nearness(self._where, where)
        self._where = where
        # `factors` updates all of them, at that moment
        self._changed |= any(self._seen)

    def factors(self) -> NDArray[np.float64]:
        """Return measured over expected latency for each choice, (n_choices,)."""
        if self._changed:
            now = self._clock()
            for processor in range(len(self._seen)):
                self._update(processor, now)
            logs = np.array(self._logs)[self._columns] + np.array(self._of_choice)
            self._given, self._factors, self._changed = logs.tolist(), np.exp(logs), False
        return self._factors

    def last_seen_s(self, choice: int) -> float:
        """Return how long ago the processor of a choice was last measured; infinite if never."""
        seen = self._seen[self._processor[choice]]
        return self._clock() - seen[-1][0] if seen else math.inf

    def _shared_at(self, now: float) -> float:
        return self._shared * math.exp((self._shared_since_s - now) / _SHARED_S)

    def _update(self, processor: int, now: float) -> None:
        here = self._where
        weighed = [
            (ratio, math.exp((then - now) / _FORGET_S) * _nearness(place, here))
            for then, ratio, place in self._seen[processor]
        ]
        believed = self._lasting[processor]
        if sum(weight for _, weight in weighed) < _ENOUGH:
            believed += _SHARED * self._shared_at(now)
        weighed.append((believed, _MODEL_WEIGHT))
        weighed.sort()
        above = sum(weight for _, weight in weighed) / 2
        position = -1
        while above > 0:
            position += 1
            above -= weighed[position][1]
        self._logs[processor] = weighed[position][0]


def _nearness(there: StateCoordinates, here: StateCoordinates) -> float:
    """Return how much of what was seen in one state of the device counts in another, 0 to 1."""
    if there is here:
        return 1.0
    squared = 0.0
    for a, b in zip(there, here, strict=False):
        if a != b and a == a and b == b:  # equal to itself: not NaN
            squared += (a - b) ** 2
    return math.exp(-squared / (2 * _NEAR**2))
