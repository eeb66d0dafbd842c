"""Trained selectors as ONNX: one small graph that decides exactly as the trained selector does."""

import numpy as np
import numpy.typing as npt

from compsel.errors import SelectorError
from compsel.selection.export.graph import GraphSelector
from compsel.selection.export.onnx_selector import ExportedSelector
from compsel.selection.selectors.base import Selector, check_features

__all__ = ["check_same", "to_onnx"]


def to_onnx(selector: Selector, X: npt.ArrayLike | None = None) -> bytes:
    """Export a fitted selector.

    Args:
        selector: any selector of this package that learns from tables and has been fitted.
        X: float (n, n_features), samples on which the graph must decide as numpy does; give the training samples,
            all of them.

    Returns:
        the bytes of an ONNX model: input `features` float32 (n, n_features), outputs `choice` int64 (n,) and `scores`
        float32 (n, n_choices). `compsel.selection.export.onnx_selector.ExportedSelector` runs it.

    Raises:
        SelectorError: not fitted, of a kind that has no graph, or the graph decides otherwise on a row of `X`.
        MissingDependencyError: onnx is not installed.

    >>> from compsel.selection.selectors.neighbours import NeighbourSelector
    >>> X = np.array([[0.0], [1.0]])
    >>> trained = NeighbourSelector(neighbours=1).fit(X, [[0.0, 1.0], [1.0, 0.0]])
    >>> ExportedSelector(to_onnx(trained, X)).predict([[0.2], [0.9]])
    array([0, 1])
    """
    if not isinstance(selector, GraphSelector):
        raise SelectorError(f"{type(selector).__name__} has no ONNX graph: selectors that are a GraphSelector have one")
    if not hasattr(selector, "n_choices_"):
        raise SelectorError(f"{type(selector).__name__} is not fitted: call fit(X, costs) first")
    model: bytes = selector.graph().SerializeToString()
    if X is not None:
        check_same(selector, ExportedSelector(model), check_features(X, "to_onnx"))
    return model


def check_same(selector: GraphSelector, exported: ExportedSelector, X: npt.NDArray[np.float32]) -> None:
    """Raise SelectorError where an exported selector decides otherwise than the trained one.

    Args:
        selector: the trained one.
        exported: its graph.
        X: float32 (n, n_features), see `check_features`.
    """
    trained, graph = selector.decide(X), exported.predict(X)
    if not np.array_equal(trained, graph):
        row = int(np.flatnonzero(trained != graph)[0])
        raise SelectorError(
            f"the exported {type(selector).__name__} selects {graph[row]} for row {row}, the trained one "
            f"{trained[row]}, and {np.mean(trained != graph):.2%} of rows differ: this is a defect, do not ship it"
        )
