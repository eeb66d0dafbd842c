"""Merged rows, answer by answer: the stages of an answer are told apart by batches that hold all of them."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from compsel.errors import require
from compsel.fleet.learning.places import numbers_of

__all__ = ["whole_answers"]


def whole_answers(batches: Iterable[Any]) -> Iterator[tuple[Any, list[int]]]:
    """Give merged rows in batches that cut no answer, each with the rows at which its answers begin, and its length.

    Args:
        batches: Arrow record batches with the column stage, in the order of `MergedRecords.batches`.
    """
    pa = require("pyarrow", "train")
    kept: Any = None
    for batch in batches:
        whole = batch if kept is None else pa.concat_batches([kept, batch])
        begins = np.flatnonzero(numbers_of(whole, "stage") == 0)
        cut = int(begins[-1]) if len(begins) else 0
        if cut:
            yield whole.slice(0, cut), [*begins[begins <= cut].tolist()]
        kept = whole.slice(cut)
    if kept is not None and kept.num_rows:
        begins = np.flatnonzero(numbers_of(kept, "stage") == 0)
        if len(begins):
            yield kept.slice(int(begins[0])), [*(begins - begins[0]).tolist(), kept.num_rows - int(begins[0])]
