"""Calibration of confidence: from what the answers of the stages look like to the probability that they are right."""

import numpy as np
from numpy.typing import NDArray

from compsel.selection.cascade.calibration_prior import CalibrationPrior

__all__ = ["FOLDS", "NEWTON_STEPS", "calibrate", "out_of_fold_probabilities", "split"]

Floats = NDArray[np.float64]
FOLDS = 5
NEWTON_STEPS = 50
_RIDGE = 1.0  # on standardised features
_SETTLED = 1e-7
_HALVINGS = 30
_FARTHEST = 500.0  # log-odds: keeps exponentials finite


def calibrate(
    features: Floats,
    right: NDArray[np.bool_],
    strength: float = _RIDGE,
    prior: CalibrationPrior | None = None,
    start: tuple[Floats, float] | None = None,
) -> tuple[Floats, float]:
    """Fit a logistic calibration by Newton's method.

    Args:
        features: (n, n_features).
        right: (n,), whether each answer is right.
        strength: of a ridge on standardised features, where there is no prior; with too few of one kind it gives
            the base rate alone (Laplace's rule).
        prior: of the coefficients and the intercept.
        start: coefficients and intercept that are near already: the result is the same, sooner.

    Returns:
        The coefficients (n_features,) and the intercept.
    """
    n, size = features.shape
    if prior is None and min(right.sum(), (~right).sum()) < 5:
        rate = (right.sum() + 1) / (n + 2)
        return np.zeros(size), float(np.log(rate / (1 - rate)))
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    design = np.column_stack([(features - mean) / spread, np.ones(n)])
    # coefficients of standardised features times this are those of the features
    back = np.diag([*(1.0 / spread), 1.0])
    back[-1, :-1] = -mean / spread
    if prior is None:
        centre, pull = np.zeros(size + 1), np.diag([strength] * size + [0.0])
    else:
        centre, pull = np.linalg.solve(back, prior.mean), back.T @ prior.precision @ back
    first = np.zeros(size + 1) if start is None else np.linalg.solve(back, np.array([*start[0], start[1]]))
    solution = _newton(design, right.astype(np.float64), centre, pull, first)
    found = back @ solution
    return found[:-1], float(found[-1])


def _newton(design: Floats, right: Floats, centre: Floats, pull: Floats, solution: Floats) -> Floats:
    """Return the coefficients of greatest posterior density, by Newton's method with halved steps where too long."""

    def energy(solution: Floats) -> float:
        logits, away = design @ solution, solution - centre
        return float(np.logaddexp(0.0, logits).sum() - right @ logits + away @ pull @ away / 2)

    before = energy(solution)
    for _ in range(NEWTON_STEPS):
        probability = 1.0 / (1.0 + np.exp(np.clip(-design @ solution, -_FARTHEST, _FARTHEST)))
        gradient = design.T @ (probability - right) + pull @ (solution - centre)
        curvature = (design * (probability * (1.0 - probability) + 1e-9)[:, None]).T @ design + pull
        step = np.linalg.solve(curvature, gradient)
        for _ in range(_HALVINGS):
            now = energy(solution - step)
            if now <= before + 1e-12:
                break
            step = step / 2
        solution, before = solution - step, now
        if np.abs(step).max() < _SETTLED:
            break
    return solution


def out_of_fold_probabilities(
    features: Floats,
    right: NDArray[np.bool_],
    folds: NDArray[np.integer],
    prior: CalibrationPrior | None = None,
    start: tuple[Floats, float] | None = None,
) -> Floats:
    """Return the calibrated probability (n,) of each sample, by the calibration without its fold."""
    scores = np.empty(len(right))
    for fold in range(FOLDS):
        train, test = split(folds, fold)
        coefficients, intercept = calibrate(features[train], right[train], prior=prior, start=start)
        scores[test] = 1.0 / (1.0 + np.exp(-(features[test] @ coefficients + intercept)))
    return scores


def split(folds: NDArray[np.integer], fold: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which samples train and which are held out; a fold that holds none, or all, trains on all."""
    test = folds == fold
    if not test.any() or test.all():
        everyone = np.ones(len(folds), bool)
        return everyone, everyone
    return ~test, test
