"""Out-of-distribution detection: is an input like those that the policy learned from?

Split conformal prediction (Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005, section 4.1;
Laxhammar and Falkman, 2015, for anomalies): the nonconformity of an input is its Mahalanobis distance to the features
of the training samples, its p-value the share of calibration samples that conform no better. Inputs of the same source
fall below a level of 1 % in 1 % of cases, whatever the distribution of the features.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.errors import ObjectiveError
from compsel.selection.cascade.input_difficulty import bounded
from compsel.values import dataclass

__all__ = ["OutOfDistributionDetector", "OutOfDistributionFallback"]

Floats = NDArray[np.float64]
_FARTHEST = 1e3  # standard deviations: keeps distances finite


@dataclass(frozen=True)
class OutOfDistributionDetector:
    """A test whether an input is like the training samples.

    Attributes:
        extractor: name of the features.
        centre, spread: (n_features,), with which they are standardised.
        root: (n_features, n_features); standardised features times it have the distance as their length.
        distances: (n_calibration,), ascending: of samples that `root` was not fitted to.
        level: inputs with a p-value (credibility) below it are out of distribution; the share of false alarms.

    >>> test = OutOfDistributionDetector("image", np.zeros(1), np.ones(1), np.eye(1), np.linspace(0.0, 3.0, 99), 0.05)
    >>> test.doubts(np.array([[0.5], [9.0]], np.float32)).tolist()
    [False, True]
    """

    extractor: str
    centre: Floats
    spread: Floats
    root: Floats
    distances: Floats
    level: float

    def p_value(self, features: NDArray[np.floating[Any]]) -> Floats:
        """Return for features (..., n_features) the share of samples that conform no better; 1 where none are known."""
        deviations = bounded((features - self.centre) / self.spread, _FARTHEST)
        distance = np.sqrt(((deviations[..., None] * self.root).sum(axis=-2) ** 2).sum(axis=-1))
        count = len(self.distances)
        beyond = count - np.searchsorted(self.distances, distance, side="left")
        return np.asarray((1.0 + beyond) / (1.0 + count))

    def doubts(self, features: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Return whether the inputs are unlike the training samples."""
        return np.asarray(self.p_value(features) < self.level)

    @classmethod
    def fit(
        cls, extractor: str, features: NDArray[np.floating[Any]], level: float, folds: NDArray[np.integer[Any]]
    ) -> "OutOfDistributionDetector":
        """Fit to features (n, n_features); each sample is calibrated by the fit without its fold (n,).

        Raises:
            ObjectiveError: a level that so few samples cannot tell from 0, or that is no share.
        """
        least = 1.0 / (len(features) + 1)
        if not least < level < 1.0:
            raise ObjectiveError(
                f"credibility: got a level of {level:g}, allowed with {len(features)} samples is more than "
                f"{least:.2g} and less than 1: measure more samples, or take a higher level"
            )
        known = features[~np.isnan(features).any(axis=1)].astype(np.float64)
        folds = folds[~np.isnan(features).any(axis=1)]
        distances = np.empty(len(known))
        for fold in np.unique(folds):
            test = folds == fold
            part = cls(extractor, *_gaussian(known[~test]), np.empty(0), level)
            deviations = (known[test] - part.centre) / part.spread
            distances[test] = np.sqrt(((deviations @ part.root) ** 2).sum(axis=1))
        return cls(extractor, *_gaussian(known), np.sort(distances), level)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        arrays = {name: getattr(self, name).tolist() for name in ("centre", "spread", "root", "distances")}
        return {"extractor": self.extractor, "level": self.level, **arrays}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "OutOfDistributionDetector":
        """Read the JSON form.

        Raises:
            ValueError: arrays that do not fit together, or that hold something that is no number.
        """
        names = ("centre", "spread", "root", "distances")
        centre, spread, root, distances = (np.array(content[name], np.float64) for name in names)
        level = float(content["level"])
        size = len(centre)
        if centre.shape != (size,) or spread.shape != (size,) or root.shape != (size, size) or distances.ndim != 1:
            raise ValueError("credibility: got arrays of shapes that do not fit together")
        if not all(np.isfinite(array).all() for array in (centre, spread, root, distances)) or not 0 < level < 1:
            raise ValueError("credibility: got something that is no number, or a level that is no share")
        if not (spread > 0).all() or (np.diff(distances) < 0).any():
            raise ValueError("credibility: got a spread of 0, or distances that do not ascend")
        return cls(str(content["extractor"]), centre, spread, root, distances, level)


@dataclass(frozen=True)
class OutOfDistributionFallback:
    """What to do with out-of-distribution inputs.

    Attributes:
        detector: tells them.
        fallback: the variant that answers them, alone.
    """

    detector: OutOfDistributionDetector
    fallback: int


_SHRINKAGE = 0.05  # of the correlations towards none: features that always move together tell little
_LEAST_SPREAD = 1e-3


def _gaussian(features: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean, standard deviations and the inverse root of the correlations."""
    centre, spread = features.mean(axis=0), np.maximum(features.std(axis=0), _LEAST_SPREAD)
    deviations = (features - centre) / spread
    correlation = deviations.T @ deviations / len(features)
    correlation = (1.0 - _SHRINKAGE) * correlation + _SHRINKAGE * np.eye(len(centre))
    values, vectors = np.linalg.eigh(correlation)
    return centre, spread, np.asarray(vectors / np.sqrt(values))
