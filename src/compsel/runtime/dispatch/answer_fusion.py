"""Fuses the answers of several stages into one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from compsel.features.fusion import Scores
from compsel.features.tasks.scores import written_as

__all__ = ["fuse_answers", "pool_probabilities"]


def fuse_answers(
    weights: NDArray[np.float64], scores: Sequence[Scores], outputs: list[np.ndarray], kind: str
) -> list[np.ndarray]:
    """Return the outputs that answer: those of the last stage with fused class scores, or those of one of the stages.

    Args:
        weights: of the stages.
        scores: what each of them said.
        outputs: of the last one.
        kind: what the first output is, see `compsel.features.tasks.scores.written_as`.
    """
    chosen = scores[int(weights.argmax())].outputs
    if chosen is not None:
        return chosen
    return [written_as(pool_probabilities(weights, scores), outputs[0], kind), *outputs[1:]]


def pool_probabilities(weights: NDArray[np.float64], scores: Sequence[Scores]) -> NDArray[np.float32]:
    """Return the logarithmic pool of what stages say about every class: log-probabilities, float32 (n_classes,).

    That is the product of their probabilities, each to the power of its weight, normalised (Genest and Zidek,
    Statistical Science 1(1), 1986, section 3).

    >>> from compsel.features.fusion import read_evidence
    >>> said = np.array([0.8, 0.2], np.float32)
    >>> np.exp(pool_probabilities(np.ones(2), 2 * [Scores(np.log(said), read_evidence(said))])).round(2)
    array([0.94, 0.06], dtype=float32)
    """
    total = np.float32(weights[0]) * scores[0].log_probabilities
    for weight, one in zip(weights[1:], scores[1:], strict=False):
        total += np.float32(weight) * one.log_probabilities
    total -= total.max()
    total -= np.log(np.exp(total).sum())
    return np.asarray(total, np.float32)
