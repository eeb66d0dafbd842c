"""Input difficulty, estimated before any network has run: the log-odds that an input is easy, from its features."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.values import dataclass

__all__ = ["InputDifficulty", "bounded", "easy_probability", "standardise"]

Floats = NDArray[np.float64]
_FARTHEST = 3.0  # standard deviations: an input that is unlike all others must not look easier than any of them


def standardise(features: NDArray[np.floating[Any]], centre: Floats, spread: Floats) -> Floats:
    """Return features (..., n_features) in standard deviations, at most 3; those that are not known are 0."""
    return bounded((features - centre) / spread, _FARTHEST)


def bounded(deviations: Floats, most: float) -> Floats:
    """Return deviations between -most and most, 0 for NaN: `numpy.clip` takes several times as long for one input."""
    deviations = np.minimum(np.maximum(deviations, -most), most)
    unknown = deviations != deviations
    return np.where(unknown, 0.0, deviations) if unknown.any() else deviations


def easy_probability(log_odds: Floats) -> Floats:
    """Return the probability of looking easy.

    >>> easy_probability(np.zeros(1)).tolist()
    [0.5]
    """
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))


@dataclass(frozen=True)
class InputDifficulty:
    """Log-odds that the weakest variant answers rightly, from features of the input: a logistic regression.

    Attributes:
        extractor: name of the features.
        centre, spread: (n_features,), with which they are standardised.
        coefficients: (n_features,), of the standardised features.
        intercept: log-odds of an input that is like all others.

    >>> difficulty = InputDifficulty("image", np.zeros(1), np.ones(1), np.array([2.0]), 0.5)
    >>> difficulty.easy_log_odds(np.array([[1.0], [np.nan]], np.float32)).tolist()
    [2.5, 0.5]
    """

    extractor: str
    centre: Floats
    spread: Floats
    coefficients: Floats
    intercept: float

    def easy_log_odds(self, features: NDArray[np.floating[Any]]) -> Floats:
        """Return the log-odds of features (..., n_features): the same for one input as for it among many."""
        # a sum over each row, since a product of matrices may round otherwise for other numbers of rows
        weighted = standardise(features, self.centre, self.spread) * self.coefficients
        return np.asarray(weighted.sum(axis=-1) + self.intercept)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "extractor": self.extractor,
            "centre": self.centre.tolist(),
            "spread": self.spread.tolist(),
            "coefficients": self.coefficients.tolist(),
            "intercept": self.intercept,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "InputDifficulty":
        """Read the JSON form.

        Raises:
            ValueError: arrays that do not fit together, or that hold something that is no number.
        """
        names = ("centre", "spread", "coefficients")
        centre, spread, coefficients = (np.array(content[name], np.float64) for name in names)
        intercept = float(content["intercept"])
        if centre.ndim != 1 or spread.shape != centre.shape or coefficients.shape != centre.shape:
            raise ValueError("easiness: got centre, spread and coefficients of different lengths")
        if not all(np.isfinite(array).all() for array in (centre, spread, coefficients, intercept)):
            raise ValueError("easiness: got something that is no number")
        if not (spread > 0).all():
            raise ValueError("easiness: got a spread that is not above 0")
        return cls(str(content["extractor"]), centre, spread, coefficients, intercept)
