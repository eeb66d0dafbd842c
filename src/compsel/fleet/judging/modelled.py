"""Answers for which two policies differ: how right each is there comes from a model, and how sure that is.

The model is calibrated probabilities. It errs in two ways: calibrations come from few outcomes (`JudgedCalibration`),
and what a policy knows of these answers comes from the samples of its profile: of n samples of which a share s is like
them, a mean over them has the variance of one outcome over n s. Where outcomes of just these answers were heard, what
they are beyond the model corrects it, as much as they count beside the samples (the correction of the doubly robust
estimator, shrunk: Dudik, Langford and Li, ICML 2011; Efron and Morris, JASA 70, 1975).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from compsel.fleet.judging.calibration import JudgedCalibration
from compsel.fleet.judging.replay import Expectations

__all__ = ["ModelledAnswers"]

Floats = NDArray[np.float64]


@dataclass
class _Sums:
    """Sums over the answers of a kind for which old and new differ.

    Attributes:
        answers: how many.
        gradient: (n_sets, 2) of the new quality less the old one, see `Expectations`.
        variance: (2,) of an outcome of old and new.
        heard, beyond: (2,) number of outcomes that were heard, and what they are beyond the model.
    """

    gradient: Floats
    answers: float = 0.0
    variance: Floats = field(default_factory=lambda: np.zeros(2))
    heard: Floats = field(default_factory=lambda: np.zeros(2))
    beyond: Floats = field(default_factory=lambda: np.zeros(2))


@dataclass
class ModelledAnswers:
    """Sums by kind of device.

    Args:
        calibration: by which probabilities were read.
        samples: of the profile.

    >>> from compsel.fleet.learning.recalibration import FeedbackCounts
    >>> found = ModelledAnswers(JudgedCalibration(FeedbackCounts(("a",), {})), 100.0)
    >>> old, new = (Expectations(np.ones(1), quality, np.zeros((0, 2)), True) for quality in (0.5, 0.9))
    >>> found.add("kind", [old, new])
    >>> correction, error = found.judged(["kind"], 10.0)
    >>> correction.tolist(), round(error, 3)
    ([0.0, 0.0], 0.018)
    """

    calibration: JudgedCalibration
    samples: float
    kinds: dict[str, _Sums] = field(default_factory=dict)

    def add(self, kind: str, found: Sequence[Expectations]) -> None:
        """Add what old and new are expected to do for an answer."""
        sums = self.kinds.setdefault(kind, _Sums(np.zeros((len(self.calibration.sets), 2))))
        sums.answers += 1.0
        sums.gradient += found[1].gradient - found[0].gradient
        for number, one in enumerate(found):
            sums.variance[number] += one.quality * (1.0 - one.quality)
            if one.beyond == one.beyond:
                sums.heard[number] += 1.0
                sums.beyond[number] += one.beyond

    def judged(self, kinds: Sequence[str], answers: float) -> tuple[Floats, float]:
        """Return what corrects the mean qualities of old and new (2,), and the standard error of their difference.

        Args:
            kinds: by key.
            answers: of these kinds, with those for which both do the same.
        """
        mine = {kind: self.kinds[kind] for kind in kinds if kind in self.kinds}
        differ = sum(one.answers for one in mine.values())
        if not differ:
            return np.zeros(2), 0.0
        share = differ / answers
        alike = self.samples * share  # samples of the profile that are like these answers
        heard = sum((one.heard for one in mine.values()), np.zeros(2))
        beyond = sum((one.beyond for one in mine.values()), np.zeros(2))
        variance = sum((one.variance for one in mine.values()), np.zeros(2)) / differ
        of_samples = float((share**2 * variance / (heard + alike)).sum())
        of_calibration = self.calibration.variance({kind: one.gradient / answers for kind, one in mine.items()})
        return share * beyond / (heard + alike), float(np.sqrt(of_samples + of_calibration))
