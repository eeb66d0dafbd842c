"""Selection by what was cheap on the most similar samples."""

from typing import Any

import numpy as np
import numpy.typing as npt

from compsel.errors import SelectorError
from compsel.selection.export.graph import FLOAT, GraphSelector, SelectorGraph
from compsel.selection.selectors.base import FeatureMatrix
from compsel.selection.selectors.cost_transforms import transform_costs
from compsel.selection.selectors.neighbour_graph import farness, nearest
from compsel.selection.selectors.neighbour_index import NeighbourIndex

__all__ = ["NeighbourSelector"]

_GRID = 2.0**20


class NeighbourSelector(GraphSelector):
    """The choice with the least mean (transformed) cost on the nearest training samples.

    ISAC and SUNNY select among neighbours alike (Kadioglu, Malitsky, Sellmann and Tierney, ECAI 2010; Amadini,
    Gabbrielli and Mauro, TPLP 14, 2014). Distance: Euclidean, features scaled to 0..1.

    Args:
        neighbours: how many (all, where there are fewer).
        transform: a name of `compsel.selection.selectors.cost_transforms.TRANSFORMS`.

    Attributes:
        index_: the scaled training rows.
        targets_: float64 (n, n_choices), transformed costs, in whole steps so that sums are exact.

    >>> X = np.linspace(0, 1, 40)[:, None]
    >>> NeighbourSelector(neighbours=5).fit(X, np.hstack([X, 1 - X])).predict([[0.1], [0.9]])
    array([0, 1])
    """

    def __init__(self, neighbours: int = 15, transform: str = "root") -> None:
        self.neighbours = neighbours
        self.transform = transform

    def _fit(self, X: FeatureMatrix, costs: npt.NDArray[np.float64]) -> None:
        if self.neighbours < 1:
            raise SelectorError(f"NeighbourSelector: neighbours must be at least 1, got {self.neighbours}")
        targets = transform_costs(costs, self.transform)
        largest = np.abs(targets).max()
        count = min(self.neighbours, len(X))
        self.targets_ = np.rint(targets / (largest * count or 1.0) * _GRID)
        self.index_ = NeighbourIndex.build(X)

    def decide(self, X: FeatureMatrix) -> npt.NDArray[np.integer[Any]]:
        """The columns (n,), from distances computed by numpy."""
        rows = self.index_.nearest(X, min(self.neighbours, len(self.targets_)))
        return np.asarray(self.targets_[rows].sum(axis=1).argmin(axis=1))

    def graph(self) -> Any:
        """Distances, the nearest rows, the sum of their costs."""
        graph = SelectorGraph()
        rows = nearest(graph, farness(graph, self.index_), min(self.neighbours, len(self.targets_)))
        costs = graph.node("Gather", graph.constant(self.targets_), rows, axis=0)
        total = graph.node("ReduceSum", costs, graph.constant(np.array([1])), keepdims=0)
        return graph.finish(graph.node("Cast", total, to=FLOAT), self, total)
