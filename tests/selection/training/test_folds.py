"""Folds of a cross-validation."""

import numpy as np
import pytest

from compsel.errors import SelectorError
from compsel.selection.training.folds import assign_folds


def test_relatives_are_held_out_together():
    fold = assign_folds(100, 5, groups=np.repeat(np.arange(25), 4))
    assert len(set(zip(fold.tolist(), np.repeat(np.arange(25), 4).tolist(), strict=True))) == 25
    assert np.bincount(fold).tolist() == [20] * 5
    assert not np.array_equal(assign_folds(100, 5, random_state=1), assign_folds(100, 5, random_state=2))


@pytest.mark.parametrize(("n", "folds"), [(100, 1), (1, 2), (0, 2)])
def test_folds_that_cannot_be_made_are_refused(n, folds):
    with pytest.raises(SelectorError, match=f"cannot make {folds} folds of {n} samples"):
        assign_folds(n, folds)
