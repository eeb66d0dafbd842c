"""Exact nearest neighbours as ONNX nodes: the same distances and the same ties as `NeighbourIndex`."""

import numpy as np

from compsel.selection.export.graph import DOUBLE, SelectorGraph
from compsel.selection.export.onnx_selector import FEATURES
from compsel.selection.selectors.base import LARGEST_FEATURE
from compsel.selection.selectors.neighbour_index import STEPS, NeighbourIndex

__all__ = ["farness", "nearest"]


def farness(graph: SelectorGraph, index: NeighbourIndex) -> str:
    """What orders the rows by distance, double (n, n_rows), exact, as `NeighbourIndex.nearest` computes it."""
    unknown = graph.node("IsNaN", FEATURES)
    known = graph.node("Where", unknown, graph.constant(index.low), FEATURES)
    largest = np.array(LARGEST_FEATURE, dtype=np.float32)
    bounded = graph.node("Clip", known, graph.constant(-largest), graph.constant(largest))
    above = graph.node("Sub", graph.node("Cast", bounded, to=DOUBLE), graph.constant(index.low.astype(np.float64)))
    scaled = graph.node("Mul", above, graph.constant(index.scale))
    clipped = graph.node("Clip", scaled, graph.constant(np.array(-0.5)), graph.constant(np.array(1.5)))
    steps = graph.node("Round", graph.node("Mul", clipped, graph.constant(np.array(STEPS))))
    filled = graph.node("Where", unknown, graph.constant(index.fill), steps)
    product = graph.node("MatMul", filled, graph.constant(-2.0 * index.rows.T))
    return graph.node("Add", product, graph.constant(index.norms))


def nearest(graph: SelectorGraph, farness: str, count: int) -> str:
    """Positions (n, count) of the least; the lower one wins a tie."""
    values = graph.node("TopK", farness, graph.constant(np.array([count])), axis=1, largest=0, sorted=1, outputs=2)
    return f"{values}.1"
