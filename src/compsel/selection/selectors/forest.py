"""A forest that keeps what its trees say about the samples that they were not grown on."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from compsel.errors import require
from compsel.selection.selectors.tree_table import TreeTable

__all__ = ["Forest", "ForestSettings", "at_most", "grow_forest", "table_of_tree", "with_indicators"]

_IN_BAG = 0.632  # the share of distinct samples in a bootstrap sample


@dataclass(frozen=True, slots=True)
class ForestSettings:
    """How a forest is grown.

    Attributes:
        n_trees: how many.
        kind: "extra": random thresholds; "best": the best threshold of each drawn feature.
        min_samples_leaf: rows in a leaf at least.
        max_features: share of the features that is drawn for each split.
    """

    n_trees: int = 100
    kind: Literal["extra", "best"] = "extra"
    min_samples_leaf: int = 3
    max_features: float = 0.5


@dataclass(frozen=True, slots=True)
class Forest:
    """A grown forest.

    Attributes:
        table: the trees; the answer is the mean of the values of the in-bag samples in the leaf, over all trees.
        held_out: float (n, n_outputs), the same for each training sample over the trees that did not see it.
    """

    table: TreeTable
    held_out: npt.NDArray[np.float64]


def grow_forest(
    X: npt.NDArray[np.float32],
    targets: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    settings: ForestSettings,
    random: np.random.Generator,
    groups: npt.NDArray[np.integer[Any]] | None = None,
    deadline_ns: float = np.inf,
) -> Forest:
    """Grow trees that split by `targets` and answer with `values`.

    Each tree sees 63 % of the groups, drawn without replacement. Missing features have indicator columns while the
    trees grow; in the table they are splits of the feature itself.

    Args:
        X: float32 (n, n_features), NaN allowed, n at least 1.
        targets: float (n, any), what the splits make homogeneous.
        values: float (n, n_outputs), what a leaf answers the mean of.
        settings: size and shape.
        random: drawn from for every tree.
        groups: int (n,), samples that belong together and are in the bag, or out of it, as one; by default each alone.
        deadline_ns: no tree after the first is begun when `time.perf_counter_ns` has passed it.
    """
    members = np.arange(len(X)) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_groups = int(members.max()) + 1
    grown, missing = with_indicators(X)
    trees = require("sklearn.tree", extra="train")
    make: Callable[..., Any] = trees.ExtraTreeRegressor if settings.kind == "extra" else trees.DecisionTreeRegressor
    total, count, tables = np.zeros_like(values), np.zeros((len(X), 1)), []
    for number in range(settings.n_trees):
        if number and time.perf_counter_ns() > deadline_ns:
            break
        in_bag = np.zeros(n_groups, dtype=bool)
        in_bag[random.permutation(n_groups)[: max(1, round(_IN_BAG * n_groups))]] = True
        seen = in_bag[members]
        estimator = make(
            min_samples_leaf=settings.min_samples_leaf,
            max_features=settings.max_features,
            random_state=int(random.integers(2**31)),
        ).fit(grown[seen], targets[seen])
        leaves = estimator.apply(grown)
        answers = _leaf_means(leaves[seen], values[seen], estimator.tree_.node_count)
        total[~seen] += answers[leaves[~seen]]
        count[~seen] += 1
        grown_table = table_of_tree(estimator.tree_, answers, values.shape[1])
        tables.append(_as_splits_of_the_feature(grown_table, missing, X.shape[1]))
    never = np.broadcast_to(values.mean(axis=0), values.shape)
    table = TreeTable.stack(tables).weighted(1.0 / len(tables))
    return Forest(table, np.where(count > 0, total / np.maximum(count, 1), never))


def with_indicators(X: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]:
    """Append a column "is missing" for every pattern of missingness, and tell which feature each stands for."""
    missing = np.isnan(X)
    partial = np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0))
    _, first = np.unique(missing[:, partial], axis=1, return_index=True)
    features = partial[np.sort(first)]
    return np.hstack([X, missing[:, features].astype(np.float32)]), features


def table_of_tree(tree: Any, values: npt.NDArray[np.float64], n_outputs: int, offset: int = 0) -> TreeTable:
    """Turn the `tree_` of a fitted scikit-learn tree into a table.

    Args:
        tree: the fitted tree.
        values: float (n_nodes, width), what each leaf answers; rows of inner nodes are ignored.
        n_outputs: length of the answer of the table.
        offset: the first output that `values` adds to.
    """
    leaf = tree.children_left < 0
    itself = np.arange(tree.node_count, dtype=np.int32)
    return TreeTable(
        roots=np.zeros(1, dtype=np.int32),
        offset=np.full(1, offset, dtype=np.int32),
        feature=np.where(leaf, -1, tree.feature).astype(np.int32),
        threshold=np.where(leaf, np.float32(0), at_most(tree.threshold)),
        left=np.where(leaf, itself, tree.children_left).astype(np.int32),
        right=np.where(leaf, itself, tree.children_right).astype(np.int32),
        missing_left=tree.missing_go_to_left.astype(bool) & ~leaf,
        values=np.where(leaf[:, None], values, 0.0),
        bias=np.zeros(n_outputs),
    )


def at_most(threshold: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The largest float32 numbers that are not above `threshold`.

    scikit-learn compares float32 features with float64 thresholds; a threshold that is rounded up would send a feature
    that lies between the other way.

    >>> at_most(np.array([0.1])) <= 0.1
    array([ True])
    """
    rounded = threshold.astype(np.float32)
    return np.where(rounded.astype(np.float64) > threshold, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _leaf_means(leaves: npt.NDArray[np.intp], values: npt.NDArray[np.float64], n_nodes: int) -> npt.NDArray[np.float64]:
    order = np.argsort(leaves, kind="stable")
    found, start, size = np.unique(leaves[order], return_index=True, return_counts=True)
    means = np.zeros((n_nodes, values.shape[1]))
    means[found] = np.add.reduceat(values[order], start, axis=0) / size[:, None]
    return means


def _as_splits_of_the_feature(table: TreeTable, missing: npt.NDArray[np.intp], n_features: int) -> TreeTable:
    """Replace splits of indicator columns: known values go left (at most infinity), NaN goes right."""
    indicator = np.flatnonzero(table.feature >= n_features)
    table.threshold[indicator] = np.float32(np.inf)
    table.missing_left[indicator] = False
    table.feature[indicator] = missing[table.feature[indicator] - n_features]
    return table
