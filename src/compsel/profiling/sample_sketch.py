"""A sketch of samples: of the content of which ones something was built, in a few kilobytes.

It keeps the smallest hashes of the samples (a bottom-k sketch: Cohen and Kaplan, PODC 2007). Another sample whose
hash is small enough to be among them either is there, or was not among the samples: of these the share that is known is
an unbiased estimate for all, and exact where there are no more samples than the sketch keeps.
"""

import numpy as np
from numpy.typing import NDArray

from compsel.techniques.heads.learned import hashes_from_text, hashes_to_text

__all__ = ["known_share", "sketch_to_text"]

Hashes = NDArray[np.uint64]
_KEPT = 512


def sketch_to_text(hashes: Hashes) -> str:
    """Return the sketch of samples as text.

    Args:
        hashes: (n,), see `compsel.techniques.heads.folds.sample_hashes`.

    >>> known_share(np.array([7, 8], np.uint64), sketch_to_text(np.array([9, 7], np.uint64)))
    0.5
    """
    kept = np.unique(hashes)[:_KEPT]
    return f"{int(len(np.unique(hashes)) <= _KEPT)}{hashes_to_text(kept)}"


def known_share(hashes: Hashes, text: str) -> float | None:
    """Return the share of samples that are among those of a sketch; None where the sketch cannot tell.

    Args:
        hashes: (n,), of the samples.
        text: what `sketch_to_text` gave; "" where there is none.

    Raises:
        ValueError: not such a text.
    """
    if not text or not len(hashes):
        return None
    kept = hashes_from_text(text[1:])
    if text[0] != "1" and len(kept):
        hashes = hashes[hashes <= kept.max()]
    return float(np.isin(hashes, kept).mean()) if len(hashes) else None
