"""Trained selectors as ONNX: one small graph that decides exactly as the trained selector does."""

import os
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from compsel.errors import SelectorError
from compsel.selection.base import Selector, check_features
from compsel.selection.baselines import SingleBest
from compsel.selection.exported import FEATURES, ExportedSelector
from compsel.selection.graph import GraphBuilder
from compsel.selection.neighbour_index import STEPS, NeighbourIndex
from compsel.selection.neighbours import NeighbourSelector
from compsel.selection.premodel import Premodel
from compsel.selection.tree_selector import TreeSelector
from compsel.selection.trees import TreeTable

__all__ = ["save_selector", "to_onnx"]


def to_onnx(selector: Selector, X: npt.ArrayLike | None = None) -> bytes:
    """Export a fitted selector.

    Args:
        selector: any selector of this package that has been fitted.
        X: float (n, n_features), samples on which the graph must decide as the selector does; give the training
            samples, all of them.

    Returns:
        the bytes of an ONNX model: input `features` float32 (n, n_features), outputs `choice` int64 (n,) and `scores`
        float32 (n, n_choices). `compsel.selection.exported.ExportedSelector` runs it.

    Raises:
        SelectorError: not fitted, of a kind that has no graph, or the graph decides otherwise on a row of `X`.
        MissingDependencyError: onnx is not installed.

    >>> X = np.array([[0.0], [1.0]])
    >>> trained = NeighbourSelector(neighbours=1).fit(X, [[0.0, 1.0], [1.0, 0.0]])
    >>> ExportedSelector(to_onnx(trained, X)).predict([[0.2], [0.9]])
    array([0, 1])
    """
    if not hasattr(selector, "n_choices_"):
        raise SelectorError(f"{type(selector).__name__} is not fitted: call fit(X, costs) first")
    model: bytes = _graph(selector).SerializeToString()
    if X is not None:
        _check_same(selector, ExportedSelector(model), check_features(X, "to_onnx"))
    return model


def save_selector(selector: Selector, path: str | os.PathLike[str], X: npt.ArrayLike | None = None) -> None:
    """Write `to_onnx(selector, X)` to a file, with the same errors."""
    Path(path).write_bytes(to_onnx(selector, X))


def _check_same(selector: Selector, exported: ExportedSelector, X: npt.NDArray[np.float32]) -> None:
    trained = selector.predict(X)
    graph = exported.predict(X)
    if not np.array_equal(trained, graph):
        row = int(np.flatnonzero(trained != graph)[0])
        raise SelectorError(
            f"the exported {type(selector).__name__} selects {graph[row]} for row {row}, the trained one "
            f"{trained[row]}, and {np.mean(trained != graph):.2%} of rows differ: this is a defect, do not ship it"
        )


@singledispatch
def _graph(selector: Selector) -> Any:
    """The ModelProto of a selector; one function a kind."""
    raise SelectorError(
        f"{type(selector).__name__} has no ONNX graph: export a SingleBest, Premodel or learned selector"
    )


@_graph.register
def _(selector: SingleBest) -> Any:
    graph = GraphBuilder()
    scores = np.ones(selector.n_choices_)
    scores[selector.choice_] = 0.0
    tensor = graph.trees(TreeTable.constant(scores))
    return _finish(graph, tensor, graph.node("ArgMin", tensor, axis=1, keepdims=0), selector)


@_graph.register
def _(selector: TreeSelector) -> Any:
    return selector.graph()


@_graph.register
def _(selector: NeighbourSelector) -> Any:
    graph = GraphBuilder()
    squares = _squared_distances(graph, selector.index_)
    nearest = _nearest(graph, squares, min(selector.neighbours, len(selector.targets_)))
    costs = graph.node("Gather", graph.constant(selector.targets_), nearest, axis=0)
    total = graph.node("ReduceSum", costs, graph.constant(np.array([1])), keepdims=0)
    scores = graph.node("Cast", total, to=_FLOAT)
    return _finish(graph, scores, graph.node("ArgMin", scores, axis=1, keepdims=0), selector)


@_graph.register
def _(selector: Premodel) -> Any:
    graph = GraphBuilder()
    fallback = np.ones(selector.n_choices_, dtype=np.float32)
    fallback[selector.fallback_] = 0.5
    scores = graph.trees(TreeTable.constant(fallback))
    squares = _squared_distances(graph, selector.index_)
    # From the last level to the first: whoever says yes earlier has the least score.
    for depth in reversed(range(len(selector.levels_))):
        choice, (rows, label) = selector.chain_[depth], selector.levels_[depth]
        voters = min(selector.neighbours, len(rows))
        nearest = _nearest(graph, graph.node("Gather", squares, graph.constant(rows), axis=1), voters)
        votes = graph.node("Gather", graph.constant(label.astype(np.float32)), nearest, axis=0)
        total = graph.node("ReduceSum", votes, graph.constant(np.array([1])), keepdims=1)
        yes = graph.node("Greater", total, graph.constant(np.array(voters / 2, dtype=np.float32)))
        gain = np.zeros((1, selector.n_choices_), dtype=np.float32)
        gain[0, choice] = len(selector.chain_) + 1 - depth
        reward = graph.node("Mul", graph.node("Cast", yes, to=_FLOAT), graph.constant(gain))
        scores = graph.node("Sub", scores, reward)
    return _finish(graph, scores, graph.node("ArgMin", scores, axis=1, keepdims=0), selector)


def _finish(graph: GraphBuilder, scores: str, choice: str, selector: Selector) -> Any:
    return graph.finish(scores, choice, selector.n_features_in_, selector.n_choices_, type(selector).__name__)


_FLOAT, _DOUBLE = 1, 11  # of onnx.TensorProto


def _squared_distances(graph: GraphBuilder, index: NeighbourIndex) -> str:
    """Exact squared distances in steps, double (n, n_rows), as `NeighbourIndex.nearest` computes them."""
    unknown = graph.node("IsNaN", FEATURES)
    known = graph.node("Where", unknown, graph.constant(index.low), FEATURES)
    largest = np.finfo(np.float32).max
    bounded = graph.node("Clip", known, graph.constant(np.array(-largest)), graph.constant(np.array(largest)))
    above = graph.node("Sub", graph.node("Cast", bounded, to=_DOUBLE), graph.constant(index.low.astype(np.float64)))
    scaled = graph.node("Mul", above, graph.constant(index.scale))
    clipped = graph.node("Clip", scaled, graph.constant(np.array(-0.5)), graph.constant(np.array(1.5)))
    steps = graph.node("Round", graph.node("Mul", clipped, graph.constant(np.array(STEPS))))
    filled = graph.node("Where", unknown, graph.constant(index.fill), steps)
    apart = graph.node(
        "Sub", graph.node("Unsqueeze", filled, graph.constant(np.array([1]))), graph.constant(index.rows[None])
    )
    return graph.node("ReduceSumSquare", apart, axes=[2], keepdims=0)


def _nearest(graph: GraphBuilder, squares: str, count: int) -> str:
    """Positions (n, count) of the least; the lower one wins a tie."""
    values = graph.node("TopK", squares, graph.constant(np.array([count])), axis=1, largest=0, sorted=1, outputs=2)
    return f"{values}.1"
