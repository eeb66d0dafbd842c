"""The regularisation of a linear head, found by cross-validation, and its scores out of fold."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.techniques.heads.design import Design
from compsel.techniques.heads.softmax_regression import LinearHead, fit_softmax_regression

__all__ = ["CrossValidated", "fit_by_cross_validation"]

#: strongest first: each solution is the start of the next one
PATH = (1e-2, 1e-3, 1e-4, 1e-5, 3e-6, 1e-6, 1e-7)
# of more samples, two folds tell the regularisations apart
_ALL_FOLDS_UP_TO = 4000
_SOME_FOLDS = 2
_COARSE = 1e-4  # tolerance of the fits that compare


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """A head that is fitted on all samples, and what those say that did not see a sample's fold.

    Attributes:
        head: fitted on all.
        l2: the regularisation that was most often right out of fold.
        scores: float32 (n, classes), out of fold.
        path: share of right answers out of fold by regularisation.

    >>> x = np.repeat(np.eye(3, dtype=np.float32), 10, axis=0)
    >>> found = fit_by_cross_validation(Design(x), x, np.arange(30) % 5)
    >>> (found.scores.argmax(1) == x.argmax(1)).all()
    np.True_
    """

    head: LinearHead
    l2: float
    scores: NDArray[np.float32]
    path: dict[float, float]


def fit_by_cross_validation(
    design: Design,
    targets: NDArray[np.float32],
    folds: NDArray[np.int64],
    sample_weight: NDArray[np.float32] | None = None,
) -> CrossValidated:
    """Fit a head with the regularisation of a coarse path that is right most often out of fold.

    Within a fold, each regularisation starts from the solution of the stronger one; the path ends where it gets worse.
    No fit starts from one that saw other samples.

    Args:
        design: features of n samples.
        targets: float32 (n, classes), see `fit_softmax_regression`.
        folds: (n,), see `fold_of`.
        sample_weight: (n,), of the fit and of the right answers; None: all alike.
    """
    weight = np.ones(len(design), np.float32) if sample_weight is None else sample_weight
    parts = [np.flatnonzero(folds == fold) for fold in np.unique(folds)]
    compared = parts if len(design) <= _ALL_FOLDS_UP_TO else parts[:_SOME_FOLDS]
    heads: list[LinearHead | None] = [None] * len(compared)
    scores = np.zeros_like(targets)
    best, path, l2 = -1.0, {}, math.nan
    judged = np.concatenate(compared)
    right = targets.argmax(axis=1)
    for candidate in PATH:
        now = np.zeros_like(targets)
        for place, part in enumerate(compared):
            heads[place] = _fit_without(design, targets, weight, part, candidate, heads[place])
            now[part] = heads[place].scores(design.rows(part))  # type: ignore[union-attr]  # fitted above
        share = float(np.average(now[judged].argmax(axis=1) == right[judged], weights=weight[judged]))
        path[candidate] = share
        if share > best:
            best, l2, scores = share, candidate, now
        elif share < best and len(path) > 2:
            break
    for part in parts[len(compared) :]:
        scores[part] = _fit_without(design, targets, weight, part, l2, None).scores(design.rows(part))
    return CrossValidated(fit_softmax_regression(design, targets, l2, sample_weight=weight), l2, scores, path)


# many parameters: the data of the fit
def _fit_without(
    design: Design,
    targets: NDArray[np.float32],
    weight: NDArray[np.float32],
    part: NDArray[np.intp],
    l2: float,
    start: LinearHead | None,
) -> LinearHead:
    """Fit on all samples but those in `part`."""
    kept = np.setdiff1d(np.arange(len(design)), part)
    return fit_softmax_regression(
        design.rows(kept), targets[kept], l2, sample_weight=weight[kept], start=start, tolerance=_COARSE
    )
