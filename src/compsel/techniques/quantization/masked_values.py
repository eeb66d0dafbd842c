"""Values inside a graph whose range leaves nothing of most of them: all that 8 bits would hold is a mask.

Attention masks put -10000, -1e9 or the least float among scores of single digits: one step of a scale that holds both
is larger than every score.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

import numpy as np

from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_session import open_session

__all__ = ["masked_values"]

Range = tuple[float, float]
# ranges as large as no layer of a trained network makes without a reason: only these are looked at
_LARGE = 32.0
_SAMPLES = 4
_STEPS = 255
# of the values below this share of the largest one so much may be lost, as a share of their norm
_SMALL = 1 / 8
_MOST_LOST = 0.5


def masked_values(
    editable: EditableGraph, ranges: Mapping[str, Range], feeds: Callable[[], Iterable[Mapping[str, np.ndarray]]]
) -> list[str]:
    """Return the names of the values of which 8 bits would lose most of the small ones.

    Args:
        editable: the graph.
        ranges: low and high of its values.
        feeds: gives the samples' feeds from the start each time it is called; the first few are read.
    """
    large = [name for name, (low, high) in ranges.items() if max(-low, high) >= _LARGE]
    if not large:
        return []
    inner = [name for name in large if name not in {value.name for value in editable.graph.input}]
    session = open_session(editable.with_outputs(inner)) if inner else None
    squares = np.zeros((len(large), 2))  # of the small values, and of what they lose
    for feed in islice(feeds(), _SAMPLES):
        made: Sequence[np.ndarray] = [] if session is None else session.run(inner, dict(feed))
        values = {**feed, **dict(zip(inner, made, strict=True))}
        for index, name in enumerate(large):
            squares[index] += _lost(values[name], *ranges[name])
    return [name for name, (whole, lost) in zip(large, squares, strict=True) if lost > _MOST_LOST**2 * whole]


def _lost(values: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """Return the sum of squares of the small values, and of the error that 8 bits make of them."""
    wide = values.astype(np.float64, copy=False).ravel()
    small = wide[np.abs(wide) <= _SMALL * max(-low, high)]
    step = (high - low) / _STEPS
    return float(small @ small), float(np.square(small - step * np.round(small / step)).sum())
