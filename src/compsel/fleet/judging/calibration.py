"""How recorded probabilities have to be read on each kind of device, by held-out feedback, and how sure that is.

Log-odds of a kind are an intercept and a slope times the recorded ones (see `Recalibration`): normal around those of
the fleet, whose own prior, around what was recorded, is worth few answers. How far kinds differ is estimated
(DerSimonian and Laird, Controlled Clinical Trials 7, 1986). What feedback leaves open is the inverse curvature of the
posterior at its mode (Laplace's approximation), in two levels: an error of the fleet's calibration is one of every
kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.fleet.learning.recalibration import FeedbackCounts, Recalibration, precision_of

__all__ = ["JudgedCalibration"]

Floats = NDArray[np.float64]
Names = tuple[str, ...]

_LEAST_PRIOR, _MOST_PRIOR = 10.0, 100.0  # answers that a prior is worth: who judges believes feedback


@dataclass(frozen=True)
class _OfSet:
    """The calibration of one set of variants: of the fleet and of kinds.

    Attributes:
        fleet: of all devices.
        covariance: (2, 2) of that.
        prior: (2, 2), precision of a kind's around the fleet's.
        kinds: by kind that gave feedback.
        covariances: (2, 2) of each of these, the fleet's being given.
        unheard: (2, 2) of that of any other kind.
    """

    fleet: Recalibration
    covariance: Floats
    prior: Floats
    kinds: dict[str, Recalibration]
    covariances: dict[str, Floats]
    unheard: Floats


class JudgedCalibration:
    """Calibrations by feedback.

    Args:
        feedback: that was held out.

    Attributes:
        sets: of variants that ran and of which feedback was heard, by name, sorted.

    >>> JudgedCalibration(FeedbackCounts(("a", "b"), {})).of("a kind")
    {}
    """

    def __init__(self, feedback: FeedbackCounts) -> None:
        self._found: dict[Names, _OfSet] = {}
        for members in feedback.sets():
            names = tuple(sorted(feedback.variants[one] for one in members))
            self._found[names] = _of_set(feedback, members)
        self.sets: list[Names] = sorted(self._found)

    def of(self, kind: str) -> dict[Names, Recalibration]:
        """Return how probabilities that a kind of device recorded have to be read, by the variants that ran."""
        return {names: self._found[names].kinds.get(kind, self._found[names].fleet) for names in self.sets}

    def variance(self, gradients: Mapping[str, Floats]) -> float:
        """Return the variance that errors of the calibrations give a sum over answers.

        Args:
            gradients: by kind, of the sum by intercept and slope of each set (n_sets, 2).
        """
        total = 0.0
        for number, names in enumerate(self.sets):
            one, of_fleet = self._found[names], np.zeros(2)
            for kind, table in sorted(gradients.items()):
                covariance = one.covariances.get(kind, one.unheard)
                total += float(table[number] @ covariance @ table[number])
                of_fleet += one.prior @ covariance @ table[number]
            total += float(of_fleet @ one.covariance @ of_fleet)
        return total


def _of_set(feedback: FeedbackCounts, members: tuple[int, ...]) -> _OfSet:
    odds, answers, right = feedback.rows(members)
    around = precision_of(odds, answers, _LEAST_PRIOR)
    fleet = Recalibration.fit(odds, answers, right, around)
    rows = {kind: feedback.rows(members, kind) for kind in feedback.kinds_heard(members)}
    prior = precision_of(odds, answers, _prior_answers(fleet, list(rows.values())))
    kinds, covariances, told = {}, dict[str, Floats](), around
    for kind, (at, heard, were_right) in rows.items():
        kinds[kind] = Recalibration.fit(at, heard, were_right, prior, fleet)
        covariances[kind] = _inverse(kinds[kind].information(at, heard) + prior)
        told = told + prior - prior @ covariances[kind] @ prior  # of the fleet, by a kind that may differ from it
    return _OfSet(fleet, _inverse(told), prior, kinds, covariances, _inverse(prior))


def _prior_answers(fleet: Recalibration, kinds: list[tuple[Floats, Floats, Floats]]) -> float:
    """Return how many answers the fleet's calibration is worth to a kind: fewer, the more kinds differ."""
    beyond, told = np.empty(len(kinds)), np.empty(len(kinds))
    for number, (odds, answers, right) in enumerate(kinds):
        beyond[number] = float((right - answers * fleet.of(1.0 / (1.0 + np.exp(-odds)))).sum())
        told[number] = max(float(fleet.information(odds, answers)[0, 0]), 1e-9)
    spread = float((beyond**2 / told).sum()) - (len(kinds) - 1)
    between = max(0.0, spread) / max(told.sum() - float((told**2).sum()) / told.sum(), 1e-9) if len(kinds) > 1 else 0.0
    each = float(told.sum()) / max(sum(float(answers.sum()) for _, answers, _ in kinds), 1.0)
    return float(np.clip(1.0 / max(between * each, 1e-9), _LEAST_PRIOR, _MOST_PRIOR))


def _inverse(precision: Floats) -> Floats:
    return np.asarray(np.linalg.inv(precision), np.float64)
