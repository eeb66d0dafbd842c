"""The cascade as JSON, checked when it is read: a bundle may come from anywhere."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.features.fusion import n_features
from compsel.features.output_sketch import n_compared
from compsel.selection.cascade.decision_graph import Cascade, Node
from compsel.selection.cascade.input_difficulty import InputDifficulty

__all__ = ["cascade_from_json", "cascade_to_json"]

Floats = NDArray[np.float64]


def cascade_to_json(policy: Cascade) -> dict[str, Any]:
    """Return "variants", "nodes", "easiness" and "confidence" as lists and numbers."""
    difficulty = policy.difficulty.to_dict() if policy.difficulty is not None else None
    confidence = {"name": policy.confidence, "size": policy.n_confidence} if policy.confidence else None
    return {
        "variants": list(policy.variants),
        "nodes": _nodes(policy),
        "easiness": difficulty,
        "confidence": confidence,
    }


def _nodes(policy: Cascade) -> list[dict[str, Any]]:
    return [
        {
            "members": list(node.members),
            "weights": node.weights.tolist(),
            "coefficients": node.coefficients.tolist(),
            "intercept": node.intercept,
            "grid": node.grid.tolist(),
            "edges": {str(variant): matrix.tolist() for variant, matrix in node.edges.items()},
        }
        for node in policy.nodes
    ]


def cascade_from_json(content: Mapping[str, Any]) -> Cascade:
    """Read what `cascade_to_json` wrote; before there were an "easiness" and a "confidence", they were absent.

    Raises:
        ValueError: nodes that do not fit together; KeyError, TypeError: something else altogether.
    """
    nodes = tuple(
        Node(
            tuple(map(int, node["members"])),
            np.array(node["weights"], np.float64),
            np.array(node["coefficients"], np.float64),
            float(node["intercept"]),
            np.array(node["grid"], np.float64),
            {int(variant): np.array(matrix, np.float64) for variant, matrix in node["edges"].items()},
        )
        for node in content["nodes"]
    )
    difficulty, confidence = content.get("easiness"), content.get("confidence") or {"name": "", "size": 0}
    policy = Cascade(
        tuple(content["variants"]),
        nodes,
        None if difficulty is None else InputDifficulty.from_dict(difficulty),
        str(confidence["name"]),
        int(confidence["size"]),
    )
    if (policy.n_confidence > 0) != bool(policy.confidence):
        raise ValueError(f"cascade: got {policy.n_confidence} numbers of confidence {policy.confidence!r}")
    if not nodes or nodes[0].members or len(policy.index) < len(nodes):
        raise ValueError("cascade: got nodes that do not begin with a root, or stand there twice")
    for number in range(len(nodes)):
        _check(policy, number)
    return policy


def _check(policy: Cascade, number: int) -> None:
    node = policy.nodes[number]
    size, everyone = len(node.members), range(len(policy.variants))
    if list(node.members) != sorted(set(node.members) & set(everyone)):
        raise ValueError(f"cascade: node {number} has members {node.members}, allowed are ascending variants")
    known = n_compared(size, policy.n_confidence) if policy.confidence else n_features(size)
    wanted = (known + (policy.difficulty is not None)) if size else 0
    if node.weights.shape != (size,) or node.coefficients.shape != (wanted,):
        raise ValueError(f"cascade: node {number} needs {size} weights and {wanted} coefficients")
    if size and not ((node.weights >= 0).all() and node.weights.sum() > 0):
        raise ValueError(f"cascade: node {number} has weights {node.weights}, allowed are shares")
    if node.grid.ndim != 1 or not len(node.grid) or not (np.diff(node.grid) > 0).all():
        raise ValueError(f"cascade: node {number} has a grid that does not ascend")
    if not all(np.isfinite(array).all() for array in (node.weights, node.coefficients, node.grid, node.intercept)):
        raise ValueError(f"cascade: node {number} holds something that is no number")
    for variant, matrix in node.edges.items():
        target = policy.index.get(tuple(sorted((*node.members, variant))))
        if target is None or variant in node.members or variant not in everyone:
            raise ValueError(f"cascade: node {number} leads nowhere by variant {variant}")
        if target <= number:
            raise ValueError(f"cascade: node {number} leads back to node {target}")
        shape = (len(node.grid), len(policy.nodes[target].grid))
        if matrix.shape != shape or not np.isfinite(matrix).all():
            raise ValueError(f"cascade: node {number} needs a transition matrix of shape {shape} to {target}")
