"""Learn then test: which operating points keep their promise, judged together by a fixed sequence of tests."""

import numpy as np
import numpy.typing as npt

from compsel.errors import SelectorError

__all__ = ["n_certified"]


def n_certified(p_values: npt.ArrayLike, confidence: float = 0.95) -> int:
    """Return how many of the operating points, from the first on, are certified to keep their promise.

    Each is tested at the full level, in an order that was fixed before the samples were seen, and testing ends with
    the first one that breaks the promise for all that can be shown: so none of those before it does, with this
    confidence, however many there are (Angelopoulos, Bates, Candes, Jordan and Lei, Learn then Test, arXiv 2110.01052,
    section 3.2, "fixed sequence testing"; Bauer, Statistics in Medicine 10(6), 1991).

    Args:
        p_values: (n_points,), of "the point breaks the promise", the point that is least likely to first.
        confidence: above 0, below 1.

    Raises:
        SelectorError: something that is no p-value or no confidence.

    >>> n_certified([0.001, 0.03, 0.2, 0.01])
    2
    """
    found = np.asarray(p_values, np.float64)
    if found.ndim != 1 or not ((found >= 0) & (found <= 1)).all() or not 0 < confidence < 1:
        raise SelectorError(f"p-values: got {found.tolist()} at {confidence:g}, allowed are numbers from 0 to 1")
    failed = np.flatnonzero(found > 1.0 - confidence)
    return int(failed[0]) if len(failed) else len(found)
