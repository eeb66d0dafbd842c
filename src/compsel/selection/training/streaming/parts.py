"""Which samples train, which tune and which judge: decided by a hash of the group, so whatever else is in the table."""

import numpy as np
from numpy.typing import NDArray

from compsel.profiling.name_hashes import rehashed
from compsel.profiling.stream import ProfileRows

__all__ = ["JUDGING", "N_PARTS", "TRAINING", "TUNING", "part_of"]

TRAINING, TUNING, JUDGING = 0, 1, 2
N_PARTS = 3
_SALT = 16
_TENTHS = np.array([JUDGING, JUDGING, TUNING] + 7 * [TRAINING])


def part_of(rows: ProfileRows) -> NDArray[np.intp]:
    """Return the part (n,) of each sample: two tenths judge, one tenth tunes, the others train.

    Where variants learned from the samples, parts are made of their folds: each is then judged on what it never saw.

    >>> import pyarrow as pa
    >>> hashes = np.arange(1000, dtype=np.uint64)
    >>> nothing = np.empty((1000, 0), np.float32)
    >>> rows = ProfileRows(0, pa.array([]), np.zeros(1000, np.int64), None, hashes, hashes, nothing)
    >>> [round(float((part_of(rows) == part).mean()), 1) for part in (TRAINING, TUNING, JUDGING)]
    [0.7, 0.1, 0.2]
    """
    if rows.folds is not None:
        return np.select([rows.folds == 0, rows.folds == 1], [JUDGING, TUNING], TRAINING)
    return np.asarray(_TENTHS[(rehashed(rows.units, _SALT) % np.uint64(len(_TENTHS))).astype(np.intp)], np.intp)
