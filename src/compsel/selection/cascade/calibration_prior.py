"""What calibrations of other models have in common: a Gaussian prior on the coefficients of a new one.

How the margin of an answer maps to the probability that it is right differs little between networks (a hierarchical
model; Gelman et al., Bayesian Data Analysis, chapter 5, with moments over models in place of sampling). It helps where
samples are few; with thousands it makes no difference. `benchmarks/calibration_prior.py` makes the file.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CalibrationPrior", "shipped_prior"]

Floats = NDArray[np.float64]
FILE = Path(__file__).with_name("calibration_prior.json")
# of the covariance: the next model may be unlike those before it. Of 1, 2, 4 and 8 the best with one source left out.
_INFLATION = 8.0


@dataclass(frozen=True)
class CalibrationPrior:
    """A normal distribution of the coefficients, and last the intercept, of a logistic calibration.

    Attributes:
        mean: (n_features + 1,).
        precision: (n_features + 1, n_features + 1), inverse of the covariance.

    >>> prior = CalibrationPrior.from_models([[0.8, 0.1], [0.9, -0.1], [0.7, 0.3]])
    >>> prior.mean.round(3).tolist()
    [0.8, 0.1]
    """

    mean: Floats
    precision: Floats

    @classmethod
    def from_models(cls, coefficients: Sequence[Sequence[float]] | Floats) -> "CalibrationPrior":
        """Return the prior that calibrations (n_models, n_features + 1) of many models suggest."""
        table = np.asarray(coefficients, np.float64)
        deviations = table - table.mean(axis=0)
        covariance = _INFLATION * (deviations.T @ deviations / len(table) + 1e-3 * np.eye(table.shape[1]))
        return cls(table.mean(axis=0), np.linalg.inv(covariance))

    def with_features(self, count: int, strength: float) -> "CalibrationPrior":
        """Return the prior of a calibration with so many further features, each of them near 0 by a ridge."""
        size = len(self.mean)
        old = [*range(size - 1), size - 1 + count]
        mean, precision = np.zeros(size + count), np.zeros((size + count, size + count))
        mean[old] = self.mean
        precision[np.ix_(old, old)] = self.precision
        new = np.arange(size - 1, size - 1 + count)
        precision[new, new] = strength
        return CalibrationPrior(mean, precision)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"mean": self.mean.tolist(), "precision": self.precision.tolist()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "CalibrationPrior":
        """Read the JSON form."""
        return cls(np.array(content["mean"], np.float64), np.array(content["precision"], np.float64))


@cache
def shipped_prior(n_stages: int) -> CalibrationPrior | None:
    """Return the prior for the fused answer of so many stages of classifiers; None where there is none."""
    content = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    found = content.get("stages", {}).get(str(n_stages))
    return None if found is None else CalibrationPrior.from_dict(found)
