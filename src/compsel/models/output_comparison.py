"""How far outputs are from reference outputs: one definition of each figure, whatever it is reported for."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from compsel.models.output_structure import flat_output

__all__ = [
    "cosine_similarity",
    "flat_numbers",
    "kl_divergence",
    "likeness",
    "log_probabilities",
    "pearson_correlation",
    "relative_error",
    "same_top_class",
    "unexplained_variance",
]

# below it norms and variances count as zero; probabilities are raised to it before their logarithm is taken
_SMALLEST = 1e-12

Floats = NDArray[np.float64]


def flat_numbers(outputs: Sequence[np.ndarray], reference: Sequence[np.ndarray]) -> tuple[Floats, Floats] | None:
    """Join all numeric outputs of one inference to one vector, and those of the reference to another.

    Returns:
        two vectors of the same length, without the places where both are NaN or the same infinity (what a model gives
        for what is masked or missing); None where an output has another size than the reference's, or none is numeric.

    >>> flat_numbers([np.ones((1, 2)), np.array(["a"])], [np.zeros((1, 2)), np.array(["b"])])
    (array([1., 1.]), array([0., 0.]))
    """
    pairs = [
        (np.asarray(got, np.float64).ravel(), np.asarray(want, np.float64).ravel())
        for got, want in zip(outputs, reference, strict=True)
        if isinstance(got, np.ndarray) and isinstance(want, np.ndarray) and want.dtype.kind in "fiub"
    ]
    if not pairs or any(got.shape != want.shape for got, want in pairs):
        return None
    ours, theirs = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    told = np.isfinite(theirs) | ~((ours == theirs) | (np.isnan(ours) & np.isnan(theirs)))
    return (ours, theirs) if told.all() else (ours[told], theirs[told])


def relative_error(values: Floats, reference: Floats) -> float:
    """Return the Euclidean distance of two vectors over the norm of the reference.

    >>> relative_error(np.array([3.0, 4.5]), np.array([3.0, 4.0]))
    0.1
    """
    return float(np.linalg.norm(values - reference)) / max(float(np.linalg.norm(reference)), _SMALLEST)


def cosine_similarity(values: Floats, reference: Floats) -> float:
    """Return the cosine of the angle between two vectors; where one is zero: 1 if both are, else 0; 0 if not finite.

    >>> cosine_similarity(np.array([30.0, 40.0]), np.array([3.0, 4.0]))
    1.0
    """
    norms = float(np.linalg.norm(values)) * float(np.linalg.norm(reference))
    if not np.isfinite(norms):
        return 0.0
    return float(values @ reference) / norms if norms > 0 else float(np.array_equal(values, reference))


def likeness(outputs: Sequence[np.ndarray], reference: Sequence[np.ndarray], *, cosine: bool = False) -> float:
    """Return how near all outputs of one inference are to others, from 0 to 1.

    That is 1 less the relative error, or the cosine of the angle; 0 where shapes differ. Outputs without numbers are
    the same (1) or not (0).

    >>> likeness([np.array([3.0, 4.5])], [np.array([3.0, 4.0])]), likeness([np.array(["a"])], [np.array(["b"])])
    (0.9, 0.0)
    """
    # sequences and maps as the arrays in them
    outputs, reference = ([array for one in part for array in flat_output(one)] for part in (outputs, reference))
    if len(outputs) != len(reference) or any(
        np.shape(got) != np.shape(want) for got, want in zip(outputs, reference, strict=True)
    ):
        return 0.0
    numbers = flat_numbers(outputs, reference)
    if numbers is None:
        return float(all(np.array_equal(got, want) for got, want in zip(outputs, reference, strict=True)))
    found = cosine_similarity(*numbers) if cosine else 1.0 - relative_error(*numbers)
    return min(max(0.0, found), 1.0) if np.isfinite(found) else 0.0


def pearson_correlation(values: Floats, reference: Floats) -> float:
    """Return Pearson's correlation of two vectors over the places where both are finite; 1 for fewer than two places.

    Where one is constant: 1 if both are, else 0.

    >>> round(pearson_correlation(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0])), 6)
    1.0
    """
    finite = np.isfinite(reference) & np.isfinite(values)
    first, second = reference[finite], values[finite]
    if first.size < 2:
        return 1.0
    first, second = first - first.mean(), second - second.mean()
    norm = np.linalg.norm(first) * np.linalg.norm(second)
    if norm == 0.0:
        return float(np.allclose(np.linalg.norm(first), np.linalg.norm(second), atol=1e-6))
    return float(first @ second / norm)


def unexplained_variance(outputs: Sequence[np.ndarray], reference: Sequence[np.ndarray]) -> float:
    """Return the squared error of outputs over the variance of the reference, each sample's about its own mean.

    >>> unexplained_variance([np.array([1.0, 2.0])], [np.array([0.0, 2.0])])
    0.5
    """
    errors = [float(np.square(got - want).sum()) for got, want in zip(outputs, reference, strict=True)]
    return sum(errors) / max(sum(float(np.square(want - want.mean()).sum()) for want in reference), _SMALLEST)


def same_top_class(scores: np.ndarray, reference: np.ndarray) -> NDArray[np.bool_]:
    """Return for class scores (n, n_classes) whether each row has the reference's top class, (n,): top-1 agreement.

    >>> same_top_class(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([[0.6, 0.4], [0.3, 0.7]])).tolist()
    [True, False]
    """
    return np.asarray(scores.argmax(axis=1) == reference.argmax(axis=1))


def log_probabilities(scores: np.ndarray, kind: Literal["logits", "probabilities"]) -> Floats:
    """Return the logarithms of the probabilities (n, n_classes) that class scores (n, n_classes) stand for.

    >>> log_probabilities(np.array([[0.5, 0.5]]), "probabilities").round(3).tolist()
    [[-0.693, -0.693]]
    """
    if kind == "probabilities":
        return np.asarray(np.log(np.maximum(scores.astype(np.float64), _SMALLEST)))
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def kl_divergence(log_probabilities: Floats, reference: Floats) -> Floats:
    """Return the Kullback-Leibler divergence (n,), in nats, from the reference: sum of p_ref * log(p_ref / p).

    Args:
        log_probabilities: (n, n_classes).
        reference: (n, n_classes), log-probabilities too.

    >>> kl_divergence(np.log([[0.5, 0.5]]), np.log([[0.5, 0.5]]))
    array([0.])
    """
    return np.asarray((np.exp(reference) * (reference - log_probabilities)).sum(axis=1))
