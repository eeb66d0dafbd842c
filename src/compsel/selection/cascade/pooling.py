"""Pool weights: how much each stage counts in the fused answer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from compsel.features.evidence import OutputEvidence
from compsel.features.fusion import Evidence, candidates
from compsel.selection.cascade.calibration import NEWTON_STEPS

__all__ = ["pool_weights"]

Floats = NDArray[np.float64]
_SETTLED = 1e-4
_LEARNED_FROM = 4  # classes
_PRIOR_WEIGHT = 0.7  # two stages that say the same thing are not twice as right
_POOL_RIDGE = 2e-3
_LEAST_WEIGHT, _MOST_WEIGHT = 0.02, 3.0


def pool_weights(stages: Sequence[Evidence], labels: NDArray[np.integer]) -> Floats:
    """Return the powers of the logarithmic pool that make the labels most likely (Newton, a convex problem)."""
    weights = np.full(len(stages), _PRIOR_WEIGHT)
    if len(stages) == 1:
        return np.ones(1)
    if isinstance(stages[0], OutputEvidence):
        return _best_alone(stages, labels)
    found = candidates([_most_probable(stage) for stage in stages])
    rows = np.arange(len(labels))
    is_label = (found.classes == labels[:, None]) & found.counted
    named = is_label.any(axis=1)
    of_label = np.where(named[:, None], found.log_probabilities[rows, is_label.argmax(axis=1)], found.log_rest)
    for _ in range(NEWTON_STEPS):
        scores = np.where(found.counted, found.log_probabilities @ weights, -np.inf)
        others = found.log_rest @ weights
        top = np.maximum(scores.max(axis=1), others)
        powers = np.exp(scores - top[:, None])
        beyond = found.n_others * np.exp(others - top)
        total = powers.sum(axis=1) + beyond
        share, share_beyond = powers / total[:, None], beyond / total
        weighted = share[:, :, None] * found.log_probabilities
        mean = weighted.sum(axis=1) + share_beyond[:, None] * found.log_rest
        square = np.tensordot(weighted, found.log_probabilities, axes=([0, 1], [0, 1]))
        square += (share_beyond[:, None] * found.log_rest).T @ found.log_rest
        ridge = _POOL_RIDGE * len(labels)
        gradient = (mean - of_label).sum(axis=0) + ridge * (weights - _PRIOR_WEIGHT)
        step = np.linalg.solve(square - mean.T @ mean + ridge * np.eye(len(weights)), gradient)
        before = weights
        weights = np.clip(weights - np.clip(step, -0.5, 0.5), _LEAST_WEIGHT, _MOST_WEIGHT)
        if np.abs(weights - before).max() < _SETTLED:
            break
    return weights


def _most_probable(stage: Evidence) -> Evidence:
    """Return the first classes of each answer: a weight is learned from them as well as from all that are kept."""
    return Evidence(stage.classes[:, :_LEARNED_FROM], stage.probabilities[:, :_LEARNED_FROM], stage.n_classes)


def _best_alone(stages: Sequence[Evidence], labels: NDArray[np.integer]) -> Floats:
    """Return 1 for the stage that is right most often, which answers: outputs without class scores are not fused."""
    rights = [int((stage.classes[:, 0] == labels).sum()) for stage in stages]
    return np.asarray(np.eye(len(stages))[int(np.argmax(rights))])
