"""XGBoost's trees as a `TreeTable`."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from compsel.selection.selectors.tree_table import TreeTable

__all__ = ["table_of_booster"]


def table_of_booster(booster: Any, columns: Mapping[int, int], n_outputs: int) -> TreeTable:
    """Return the sum of the leaves that a row reaches; what the booster adds to them for every row is left out.

    XGBoost asks "less than", which is "at most the float32 just below".

    Args:
        booster: a fitted `xgboost.Booster`, one tree for each of its outputs a round.
        columns: by output of the booster, the column of the table that it adds to; trees of others are left out.
        n_outputs: columns of the table.
    """
    model = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]
    tables = []
    for tree, output in zip(model["trees"], model["tree_info"], strict=True):
        if output not in columns:
            continue
        left = np.array(tree["left_children"], dtype=np.int32)
        leaf = left < 0
        itself = np.arange(len(left), dtype=np.int32)
        condition = np.array(tree["split_conditions"], dtype=np.float32)
        below = np.nextafter(condition, np.float32(-np.inf))
        tables.append(
            TreeTable(
                roots=np.zeros(1, dtype=np.int32),
                offset=np.array([columns[output]], dtype=np.int32),
                feature=np.where(leaf, -1, np.array(tree["split_indices"])).astype(np.int32),
                threshold=np.where(leaf, np.float32(0), below),
                left=np.where(leaf, itself, left).astype(np.int32),
                right=np.where(leaf, itself, np.array(tree["right_children"])).astype(np.int32),
                missing_left=np.array(tree["default_left"], dtype=bool) & ~leaf,
                values=np.where(leaf, condition, 0.0).astype(np.float64)[:, None],
                bias=np.zeros(n_outputs),
            )
        )
    return TreeTable.stack(tables) if tables else TreeTable.constant(np.zeros(n_outputs))
