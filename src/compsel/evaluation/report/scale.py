"""Scales of axes: where numbers lie, and which ones are written."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Scale", "linear_ticks", "log_ticks", "number"]


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line, or a logarithm, from numbers to positions.

    Attributes:
        low, high: numbers at the ends.
        start, end: their positions.
        log: whether the logarithm is even.

    >>> Scale(1.0, 100.0, 0.0, 10.0, log=True)(10.0)
    5.0
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the position of a number."""
        if self.log:
            share = math.log(max(value, 1e-12) / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    @classmethod
    def around(cls, values: Sequence[float], start: float, end: float, *, log: bool = False) -> "Scale":
        """Return the scale that holds some numbers with a margin; for a logarithm all are above 0."""
        low, high = min(values), max(values)
        if log:
            margin = max((high / low) ** 0.06, 1.05)
            return cls(low / margin, high * margin, start, end, True)
        margin = max(0.08 * (high - low), 0.02 * abs(high), 1e-9)
        return cls(low - margin, high + margin, start, end)

    @property
    def ticks(self) -> dict[float, str]:
        """The numbers to write, with how they are written."""
        if self.log:
            return {tick: f"{tick:g}" for tick in log_ticks(self.low, self.high)}
        ticks = linear_ticks(self.low, self.high)
        step = ticks[1] - ticks[0] if len(ticks) > 1 else abs(ticks[0]) or 1.0
        places = next((place for place in range(8) if abs(step - round(step, place)) < step / 100), 8)
        return {tick: f"{tick:,.{places}f}" for tick in ticks}


def linear_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round numbers from `low` to `high`.

    >>> linear_ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(place * step, 10) for place in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return round numbers from `low` to `high` on a logarithmic axis: fewer, the more powers of ten there are.

    >>> log_ticks(0.9, 25.0)
    [1.0, 2.0, 5.0, 10.0, 20.0]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(powers) < 5 else (1, 3) if len(powers) < 7 else (1,)
    ticks = [round(factor * 10.0**power, 10) for power in powers for factor in factors]
    kept = [tick for tick in ticks if low <= tick <= high]
    return kept if len(kept) > 1 else linear_ticks(low, high, 4)


def number(value: float) -> str:
    """Return a number to three digits, below 0.1 to two.

    >>> [number(value) for value in (0.0833, 1.9770, 12.34, 1234.5, 0.0)]
    ['0.083', '1.98', '12.3', '1,230', '0']
    """
    if not value:
        return "0"
    places = (2 if abs(value) >= 0.1 else 1) - math.floor(math.log10(abs(value)))
    return f"{round(value, places):,.{max(0, places)}f}"
