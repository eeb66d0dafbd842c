"""Multinomial logistic regression: a linear model of class scores, fitted by L-BFGS in preconditioned coordinates.

scikit-learn's LogisticRegression solves the same problem; this one also takes soft targets, starts from a solution for
another regularisation, and needs a third of the iterations: the unknowns are scaled by the inverse root of an
estimate of the Hessian, (X'X / classes + l2), which for dense features whitens them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.techniques.heads.design import Design

__all__ = ["LinearHead", "fit_softmax_regression"]

_MOST_ITERATIONS = 300
_MEMORY = 10  # pairs of steps and gradients that L-BFGS keeps

Scaling = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class LinearHead:
    """Class scores (logits) as a linear function of features.

    Attributes:
        weights: float32 (width, classes).
        bias: float32 (classes,).

    >>> LinearHead(np.eye(2, dtype=np.float32), np.zeros(2, np.float32)).scores(Design(np.ones((1, 2), np.float32)))
    array([[1., 1.]], dtype=float32)
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]

    def scores(self, design: Design) -> NDArray[np.float32]:
        """Return the class scores of samples: float32 (n, classes)."""
        return design.scores(self.weights) + self.bias


# many parameters: data, then how it is fitted, with defaults
def fit_softmax_regression(
    design: Design,
    targets: NDArray[np.float32],
    l2: float,
    *,
    sample_weight: NDArray[np.float32] | None = None,
    start: LinearHead | None = None,
    tolerance: float = 1e-5,
) -> LinearHead:
    """Minimise the weighted mean of the cross entropy + l2 / 2 |weights|^2; the bias is free.

    Args:
        design: features of n samples.
        targets: float32 (n, classes), the probability of each class: one-hot rows for labels.
        l2: regularisation, above 0.
        sample_weight: (n,), None: all alike.
        start: solution of a problem like this one.
        tolerance: stop where an iteration gains less than this share of the loss.
    """
    from scipy.optimize import minimize

    n, classes = targets.shape
    width = design.width
    share = np.full(n, 1 / n, np.float32) if sample_weight is None else np.asarray(sample_weight / sample_weight.sum())
    share = share.astype(np.float32)[:, None]
    scaled, unscaled = _preconditioner(design, share, classes, l2)
    free = np.float32(classes**0.5)  # the Hessian of the bias is about 1 / classes

    def loss_and_gradient(unknowns: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        u = unknowns.reshape(width + 1, classes).astype(np.float32)
        weights = scaled(u[:width])
        scores = design.scores(weights)
        scores += u[width] * free
        scores -= scores.max(axis=1, keepdims=True)
        right = np.einsum("ij,ij->i", scores, targets)
        np.exp(scores, out=scores)
        sums = scores.sum(axis=1, keepdims=True)
        loss = float(share[:, 0] @ (np.log(sums[:, 0]) - right)) + l2 / 2 * float(np.vdot(weights, weights))
        scores /= sums
        scores -= targets
        scores *= share
        gradient = np.empty((width + 1, classes))
        gradient[:width] = scaled(design.transposed_product(scores) + np.float32(l2) * weights)
        gradient[width] = scores.sum(axis=0) * free
        return loss, gradient.ravel()

    first = np.zeros((width + 1, classes))
    if start is not None:
        first[:width], first[width] = unscaled(start.weights), start.bias / free
    options = {"maxiter": _MOST_ITERATIONS, "maxcor": _MEMORY, "ftol": tolerance, "gtol": 0.0}
    found = minimize(loss_and_gradient, first.ravel(), jac=True, method="L-BFGS-B", options=options)
    solution = found.x.reshape(width + 1, classes).astype(np.float32)
    return LinearHead(scaled(solution[:width]), solution[width] * free)


def _preconditioner(design: Design, share: NDArray[np.float32], classes: int, l2: float) -> tuple[Scaling, Scaling]:
    """Return the map from scaled unknowns to weights, which is symmetric, and its inverse."""
    split = design.n_dense
    if design.dense is not None:
        curvature = ((design.dense.T * share[:, 0]) @ design.dense).astype(np.float64) / classes
        values, vectors = np.linalg.eigh(curvature)
        roots = np.sqrt(np.maximum(values, 0) + l2)
        whitening = ((vectors / roots) @ vectors.T).astype(np.float32)
        colouring = ((vectors * roots) @ vectors.T).astype(np.float32)
    if design.sparse is not None:
        squares = np.asarray(design.sparse.power(2).T @ share)
        scale = (1 / np.sqrt(squares / classes + l2)).astype(np.float32)

    def apply(u: NDArray[np.float32], inverse: bool) -> NDArray[np.float32]:
        parts = []
        if design.dense is not None:
            parts.append((colouring if inverse else whitening) @ u[:split])
        if design.sparse is not None:
            parts.append(u[split:] / scale if inverse else u[split:] * scale)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    return lambda u: apply(u, False), lambda u: apply(u, True)
