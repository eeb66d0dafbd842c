"""Threads inside a task: one, on every engine. So nothing is oversubscribed, and sums come out the same everywhere."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["one_thread", "only_one_thread"]

_VARIABLES = (
    "BLIS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def only_one_thread() -> None:
    """Let the libraries of this process, and of those that it starts, work on one thread: in a worker.

    Sessions of ONNX Runtime and xgboost are told by who makes them.
    """
    os.environ.update(dict.fromkeys(_VARIABLES, "1"))
    _limit_loaded()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the libraries of this process work on one thread, and as before after that.

    >>> with one_thread():
    ...     pass
    """
    cv2 = sys.modules.get("cv2")
    before = None if cv2 is None else cv2.getNumThreads()
    limits = _limit_loaded()
    try:
        yield
    finally:
        if limits is not None:
            limits.restore_original_limits()
        if cv2 is not None:
            cv2.setNumThreads(before)


def _limit_loaded() -> Any:
    """Limit OpenCV, where it is loaded, and BLAS and OpenMP; return what takes the limit of the latter back."""
    if (cv2 := sys.modules.get("cv2")) is not None:
        cv2.setNumThreads(1)
    try:
        from threadpoolctl import threadpool_limits  # scikit-learn brings it
    except ImportError:
        return None
    return threadpool_limits(1)
