"""Ranges of the values inside a graph, from samples that are read one by one: memory does not grow with them."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_session import open_session
from compsel.techniques.quantization.histogram import Histogram, Method, entropy_range, mse_range, percentile_range
from compsel.techniques.quantization.masked_values import masked_values
from compsel.techniques.statistics.reductions import Reductions

__all__ = ["Range", "calibrate"]

Range = tuple[float, float]
# of a range: a step of it, the inverse of that, and the range itself are numbers of float32
_LEAST, _LARGEST = 256 * float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
Feeds = Mapping[str, np.ndarray]


def calibrate(
    editable: EditableGraph,
    tensors: Sequence[str],
    feeds: Callable[[], Iterable[Feeds]],
    method: Method = "minmax",
    percentile: float = 99.99,
) -> dict[str, Range]:
    """Measure the range of float tensors over samples.

    A tensor that is empty for a sample has no range there, and constrains nothing. Left out is what 8 bits cannot hold:
    values that are not finite (the mask of an attention puts minus infinity among its scores, and some models make NaN
    that they read again as a missing value), ranges, or steps of them, that float32 cannot hold, and values of which a
    mask leaves nothing (`compsel.techniques.quantization.masked_values`).

    Args:
        editable: the graph.
        tensors: names of the float values to measure.
        feeds: gives the samples' feeds from the start each time it is called; called once for "minmax", else twice,
            and once more where values are large.
        method: "minmax" takes the extremes, the others cut off rare values
            (`compsel.techniques.quantization.histogram`).
        percentile: percent of the values that the method "percentile" keeps.

    Returns:
        low and high of each tensor that can be quantised, low <= 0 <= high.

    Raises:
        ModelError: the graph does not run.
    """
    extremes = _extremes(editable, tensors, feeds())
    for name in masked_values(editable, extremes, feeds):
        del extremes[name]
    tensors = list(extremes)
    if method == "minmax":
        return extremes
    histograms = {name: Histogram.empty(*extremes[name]) for name in tensors}
    inner = [name for name in tensors if name not in {value.name for value in editable.graph.input}]
    session = open_session(editable.with_outputs(inner))
    for feed in feeds():
        # without names the runtime gives every output
        values = {**feed, **(dict(zip(inner, session.run(inner, dict(feed)), strict=True)) if inner else {})}
        for name, histogram in histograms.items():
            histogram.add(values[name])
    if method == "percentile":
        return {name: percentile_range(histogram, percentile) for name, histogram in histograms.items()}
    find = entropy_range if method == "entropy" else mse_range
    return {name: find(histogram) for name, histogram in histograms.items()}


def _extremes(editable: EditableGraph, tensors: Sequence[str], feeds: Iterable[Feeds]) -> dict[str, Range]:
    reductions = Reductions(editable)
    for tensor in tensors:
        reductions.add("ReduceMin", tensor, keepdims=0)
        reductions.add("ReduceMax", tensor, keepdims=0)
        reductions.add("ReduceSum", tensor, keepdims=0)  # the others may miss what is not a number
    low, high = np.zeros(len(tensors)), np.zeros(len(tensors))
    finite = np.ones(len(tensors), bool)
    for results in reductions.run(feeds):
        least, most, total = np.array([np.asarray(value, np.float64) for value in results]).reshape(-1, 3).T
        empty = least > most  # the least of nothing is infinite, and so is the most
        finite &= empty | (np.isfinite(least) & np.isfinite(most) & ~np.isnan(total))
        known = finite & ~empty
        low[known], high[known] = np.minimum(low, least)[known], np.maximum(high, most)[known]
    width = high - low
    finite &= (width == 0) | ((width >= _LEAST) & (width <= _LARGEST))
    return {name: (float(low[index]), float(high[index])) for index, name in enumerate(tensors) if finite[index]}
