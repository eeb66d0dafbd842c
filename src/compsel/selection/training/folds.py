"""Folds of a cross-validation: of equal size, with the samples of one group together."""

import numpy as np
import numpy.typing as npt

from compsel.errors import SelectorError

__all__ = ["assign_folds"]


def assign_folds(
    n: int, n_folds: int, groups: npt.ArrayLike | None = None, random_state: int = 0
) -> npt.NDArray[np.int64]:
    """A fold (n,) for each sample, as equal in size as can be; samples of one group share a fold.

    Raises:
        SelectorError: fewer than two groups or folds, or groups of another length.

    >>> np.bincount(assign_folds(10, 3)).tolist()
    [4, 3, 3]
    """
    members = np.arange(n) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].ravel()
    n_groups = int(members.max()) + 1 if len(members) else 0
    if len(members) != n or min(n_folds, n_groups) < 2:
        raise SelectorError(
            f"cannot make {n_folds} folds of {n} samples in {n_groups} groups ({len(members)} labels): "
            "two folds, two groups and a label a sample are needed"
        )
    order = np.random.default_rng(random_state).permutation(n_groups)
    fold = np.empty(n_groups, dtype=np.int64)
    fold[order] = np.arange(n_groups) % min(n_folds, n_groups)
    return np.asarray(fold[members])
