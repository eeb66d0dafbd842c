"""Calibration of confidence: from what the answers of the stages look like to the probability that they are right."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["FOLDS", "NEWTON_STEPS", "calibrate", "out_of_fold_probabilities", "split"]

Floats = NDArray[np.float64]
FOLDS = 5
NEWTON_STEPS = 50
_RIDGE = 1.0  # on standardised features


def calibrate(features: Floats, right: NDArray[np.bool_], strength: float = _RIDGE) -> tuple[Floats, float]:
    """Fit a logistic calibration (ridge, Newton); with too few of one kind, only the base rate (Laplace's rule)."""
    if min(right.sum(), (~right).sum()) < 5:
        rate = (right.sum() + 1) / (len(right) + 2)
        return np.zeros(features.shape[1]), float(np.log(rate / (1 - rate)))
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    design = np.column_stack([(features - mean) / spread, np.ones(len(features))])
    ridge = np.diag([strength] * features.shape[1] + [0.0])
    solution = np.zeros(design.shape[1])
    for _ in range(NEWTON_STEPS):
        probability = 1.0 / (1.0 + np.exp(-design @ solution))
        gradient = design.T @ (probability - right) + ridge @ solution
        curvature = (design * (probability * (1.0 - probability) + 1e-9)[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature, gradient)
        solution -= np.clip(step, -4.0, 4.0)
        if np.abs(step).max() < 1e-9:
            break
    coefficients = solution[:-1] / spread
    return coefficients, float(solution[-1] - coefficients @ mean)


def out_of_fold_probabilities(features: Floats, right: NDArray[np.bool_], folds: NDArray[np.integer]) -> Floats:
    """Return the calibrated probability (n,) of each sample, by the calibration without its fold."""
    scores = np.empty(len(right))
    for fold in range(FOLDS):
        train, test = split(folds, fold)
        coefficients, intercept = calibrate(features[train], right[train])
        scores[test] = 1.0 / (1.0 + np.exp(-(features[test] @ coefficients + intercept)))
    return scores


def split(folds: NDArray[np.integer], fold: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which samples train and which are held out; a fold that holds none, or all, trains on all."""
    test = folds == fold
    if not test.any() or test.all():
        everyone = np.ones(len(folds), bool)
        return everyone, everyone
    return ~test, test
