"""Answers without class scores: one sketch of each, by which they are compared, and what comparing them tells.

A sketch is a random projection that keeps distances (a count sketch: Charikar, Chen and Farach-Colton, Theoretical
Computer Science 312(1), 2004, section 3.2): what two variants say differently is known from a kilobyte of each, whether
they give one number or a million.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from compsel.features.evidence import Fused, OutputEvidence

__all__ = ["SKETCH", "compare", "n_compared", "numbers_of", "sketch"]

SKETCH = 256  # numbers a sketch: a distance is known within some 9 %
_MOST_NUMBERS = 65_536  # of one answer; of more, every second or third one is looked at
_SOFT = 1e-4
_LARGEST = 1e9  # stands for what is no number, too
_SEED = 20_040_101
_COMPARED = 3  # numbers a comparison of two answers gives


def numbers_of(output: object) -> NDArray[np.float64] | None:
    """Return the numbers of one output as a vector, finite and at most 65,536 of them; None where it holds none.

    >>> numbers_of(np.array([[1.0, np.nan]]))
    array([1., 0.])
    """
    if not isinstance(output, np.ndarray) or output.dtype.kind not in "fiub" or not output.size:
        return None
    flat = output.reshape(-1)
    if flat.size > _MOST_NUMBERS:
        flat = flat[:: -(-flat.size // _MOST_NUMBERS)]
    values = flat.astype(np.float64)
    if not -_LARGEST <= values.min() <= values.max() <= _LARGEST:
        values = np.clip(np.nan_to_num(values, nan=0.0, posinf=_LARGEST, neginf=-_LARGEST), -_LARGEST, _LARGEST)
    return values


def sketch(outputs: Sequence[object]) -> NDArray[np.float32]:
    """Return the sketch (256,) of the outputs of one inference: of all their numbers, one after another.

    Up to 256 numbers are kept as they are. The sketch of a difference is the difference of the sketches.

    >>> sketch([np.array([[3.0, 4.0]])])[:3]
    array([3., 4., 0.], dtype=float32)
    """
    parts = [values for values in map(numbers_of, outputs) if values is not None]
    values = parts[0] if len(parts) == 1 else np.concatenate([*parts, np.empty(0)])
    rows = -(-values.size // SKETCH)
    padded = np.zeros(max(rows, 1) * SKETCH)
    padded[: values.size] = values
    if rows > 1:
        padded *= _signs(rows)
    return np.asarray(padded.reshape(-1, SKETCH).sum(axis=0), np.float32)


@lru_cache(maxsize=8)
def _signs(rows: int) -> NDArray[np.float64]:
    return np.random.default_rng(_SEED).choice([-1.0, 1.0], rows * SKETCH)


def n_compared(stages: int, n_confidence: int) -> int:
    """Number of features that `compare` gives for so many stages, with so many numbers of confidence each."""
    return 2 * n_confidence + _COMPARED * (stages - 1)


def compare(stages: Sequence[OutputEvidence], weights: NDArray[np.float64]) -> Fused:
    """Say what is known about the answer of one of the stages: its own confidence, and how well the others agree.

    Args:
        stages: what each stage gave for the same n inputs.
        weights: (n_stages,), 1 for the stage that answers and 0 for the others: such answers are not fused.

    Returns:
        As class 1 where the answer is known to be good enough. As features the confidence of the answering stage and
        its squares (a value in the middle may be the doubtful one); then, for each other stage, the logarithm of how
        far its answer lies from that one, also relative to their mean length, and their cosine.
    """
    answering = int(weights.argmax())
    chosen = stages[answering]
    confidence = chosen.confidence.astype(np.float64)
    columns = [confidence, confidence * confidence]
    mine = chosen.sketch.astype(np.float64)
    length = np.sqrt((mine * mine).sum(axis=1))
    for number, stage in enumerate(stages):
        if number == answering:
            continue
        other = stage.sketch.astype(np.float64)
        lengths = np.sqrt((other * other).sum(axis=1))
        distance = np.sqrt(((mine - other) ** 2).sum(axis=1))
        relative = distance / np.maximum((length + lengths) / 2, 1e-12)
        cosine = (mine * other).sum(axis=1) / np.maximum(length * lengths, 1e-12)
        columns.append(np.stack([np.log(distance + _SOFT), np.log(relative + _SOFT), cosine], axis=1))
    return Fused(chosen.classes[:, 0].astype(np.intp), np.concatenate(columns, axis=1))
