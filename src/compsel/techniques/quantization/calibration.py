"""Ranges of the values inside a graph, from samples that are read one by one: memory does not grow with them."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from compsel.errors import ModelError
from compsel.models.editable_graph import EditableGraph
from compsel.models.graph_session import open_session
from compsel.techniques.quantization.histogram import Histogram, Method, entropy_range, mse_range, percentile_range
from compsel.techniques.statistics.reductions import Reductions

__all__ = ["Range", "calibrate"]

Range = tuple[float, float]
Feeds = Mapping[str, np.ndarray]


def calibrate(
    editable: EditableGraph,
    tensors: Sequence[str],
    feeds: Callable[[], Iterable[Feeds]],
    method: Method = "minmax",
    percentile: float = 99.99,
) -> dict[str, Range]:
    """Measure the range of float tensors over samples.

    Args:
        editable: the graph.
        tensors: names of the float values to measure.
        feeds: gives the samples' feeds from the start each time it is called; called once for "minmax", else twice.
        method: "minmax" takes the extremes, the others cut off rare values
            (`compsel.techniques.quantization.histogram`).
        percentile: percent of the values that the method "percentile" keeps.

    Returns:
        low and high of each tensor, low <= 0 <= high.

    Raises:
        ModelError: the graph does not run, or gives values that are not finite.
    """
    extremes = _extremes(editable, tensors, feeds())
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
    low, high = np.zeros(len(tensors)), np.zeros(len(tensors))
    for results in reductions.run(feeds):
        values = np.array([np.asarray(value, np.float64) for value in results]).reshape(-1, 2)
        if not np.isfinite(values).all():
            tensor = tensors[int(np.argmin(np.isfinite(values).all(axis=1)))]
            raise ModelError(f"{tensor}: is not finite for a calibration sample: check model and samples")
        low, high = np.minimum(low, values[:, 0]), np.maximum(high, values[:, 1])
    return {name: (float(low[index]), float(high[index])) for index, name in enumerate(tensors)}
