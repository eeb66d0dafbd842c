"""Non-inferiority: does a policy keep the quality that an objective demands, on other samples too?

What is compared is paired: the policy and the most accurate uncompressed network on the same samples. The interval is
the one of Agresti and Min, Statistics in Medicine 24 (2005), section 3 ("Wald+2"): half a sample is added to each of
the four ways in which two answers can be right or wrong, so that few samples without a disagreement promise little.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.selection.objective import CONFIDENCE_95, Objective

__all__ = ["PairedDifference", "QualityFloor", "paired_difference"]

Floats = NDArray[np.float64]
_PSEUDO_SAMPLES = 2.0
_LEAST_UNLABELLED = 0.01  # margin, where the reference's own answers count as right


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Quality of a policy minus that of the reference, on the same samples.

    Attributes:
        mean: as measured.
        centre: of the interval: pulled towards 0 by the added samples.
        standard_error: of the difference.

    >>> found = paired_difference(np.array([1.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 1.0]))
    >>> found.mean, round(found.low(), 3)
    (0.25, -0.196)
    """

    mean: float
    centre: float
    standard_error: float

    def low(self, errors: float = CONFIDENCE_95) -> float:
        """Return the lower end, so many standard errors below."""
        return self.centre - errors * self.standard_error

    def high(self, errors: float = CONFIDENCE_95) -> float:
        """Return the upper end, so many standard errors above."""
        return self.centre + errors * self.standard_error


def paired_difference(
    quality: Floats, reference: Floats | float, groups: NDArray[np.integer] | None = None
) -> PairedDifference:
    """Compare qualities (n,) of a policy with those of the reference, or with one figure.

    Args:
        quality: of each sample, 0 to 1.
        reference: the same, of the reference.
        groups: (n,), samples of one group count as one: they are not independent; None: each by itself. What is added
            to the interval is as large as a group, then.
    """
    differences = np.asarray(quality - reference, np.float64)
    n, mean = len(differences), float(np.mean(differences))
    size = 1.0 if groups is None else n / len(np.unique(groups))
    added = _PSEUDO_SAMPLES * size
    centre = mean * n / (n + added)
    sums = differences - mean if groups is None else np.bincount(groups, differences - mean)
    squares = float((sums**2).sum()) + _PSEUDO_SAMPLES / 2 * size**2  # half of what is added are disagreements
    return PairedDifference(mean, centre, float(np.sqrt(squares)) / (n + added))


@dataclass(frozen=True)
class QualityFloor:
    """What an objective demands of the quality of a policy, on the samples of one dataset.

    A policy keeps the floor when it is, with 95 % confidence, at most the objective's margin below it, and when it is
    not measurably below it, with the same confidence. Where the reference's own answers count as right, for want of
    labels, every policy is below it: then the margin alone counts.

    Attributes:
        objective: sets the floor and the margin.
        reference: (n,), quality of the most accurate uncompressed network.
        groups: see `paired_difference`.

    >>> floor = QualityFloor(Objective(), np.ones(1000))
    >>> floor.missing(np.ones(1000))
    0.0
    >>> floor.missing(np.repeat([1.0, 0.0], [980, 20])) > 0.01
    True
    """

    objective: Objective
    reference: Floats
    groups: NDArray[np.integer] | None = None

    @property
    def margin(self) -> float:
        """How far below the floor a policy may lie, with 95 % confidence."""
        n = len(self.reference) if self.groups is None else len(np.unique(self.groups))
        margin = self.objective.margin_with(n)
        # where every disagreement counts as a loss, no number of samples makes a policy equal to the reference
        return margin if self._may_be_lower or self.objective.margin is not None else max(margin, _LEAST_UNLABELLED)

    def differences(self, quality: Floats) -> tuple[PairedDifference, ...]:
        """Return how far a policy with these qualities (n,) lies above each floor that there is."""
        found = []
        if self.objective.max_loss is not None:
            found.append(paired_difference(quality, self.reference - self.objective.max_loss, self.groups))
        if self.objective.min_quality is not None:
            found.append(paired_difference(quality, self.objective.min_quality, self.groups))
        return tuple(found)

    def missing(self, quality: Floats, mean: float | None = None) -> float:
        """Return how much quality is missing, at least 0; 0 without a floor.

        Args:
            quality: (n,), of the policy.
            mean: what is known better of its mean, such as from neighbouring operating points.
        """
        shift = 0.0 if mean is None else mean - float(np.mean(quality))
        missing = [
            max(-self.margin - found.low() - shift, -found.high() - shift if self._may_be_lower else 0.0)
            for found in self.differences(quality)
        ]
        return max([0.0, *missing])

    @property
    def _may_be_lower(self) -> bool:
        """Whether the reference is wrong somewhere: nothing is better than one whose answers count as right."""
        return not bool((self.reference == 1.0).all())

    def violated(self, quality: Floats) -> str:
        """Return in words how samples that were not trained on contradict the floor; "" where they do not.

        With 95 % confidence the policy lies below the floor, or it was measured more than the margin below it.
        """
        for found in self.differences(quality):
            if (self._may_be_lower and found.high() < 0) or found.mean < -self.margin:
                return f"{-100 * found.mean:.1f} points below what is demanded"
        return ""
