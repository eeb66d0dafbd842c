"""Calibration of confidence, from feedback: where answers turned out right less often than was thought, or more.

Of each set of variants that ran, new log-odds are an intercept and a slope times the log-odds that the bundle gives
(Platt 1999), with a normal prior around 0 and 1 that is worth as many answers as the profile had, at most
`_MOST_PRIOR`. Which answers a node gave depends on this probability alone, so that choosing by it does not bias the
fit.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compsel.fleet.learning.places import numbers_of
from compsel.fleet.learning.whole_answers import whole_answers
from compsel.selection.cascade.decision_graph import Cascade, Node

__all__ = ["FeedbackCounts", "Recalibration", "log_odds", "precision_of", "recalibrated"]

Floats = NDArray[np.float64]

_STEP, _FARTHEST = 0.1, 12.0  # of log-odds
_MOST_PRIOR = 100.0
_STEPS = 50
_LEAST_SLOPE = 0.05


@dataclass(frozen=True)
class Recalibration:
    """How log-odds change.

    Attributes:
        intercept, slope: of the new log-odds over the old ones.
        answers: with feedback.

    >>> Recalibration(0.0, 1.0).of(np.array([0.25])).tolist()
    [0.25]
    """

    intercept: float = 0.0
    slope: float = 1.0
    answers: float = 0.0

    def of(self, probability: Floats) -> Floats:
        """Return new probabilities."""
        return np.asarray(1.0 / (1.0 + np.exp(-(self.intercept + self.slope * log_odds(probability)))))

    @classmethod
    def fit(
        cls, odds: Floats, answers: Floats, right: Floats, prior: Floats, around: "Recalibration | None" = None
    ) -> "Recalibration":
        """Fit to numbers of answers and of right ones (n,) at log-odds (n,).

        Args:
            odds: of the answers.
            answers, right: how many there were, and were right.
            prior: (2, 2), its precision; see `precision_of`.
            around: centre of the prior; None: nothing changes.

        >>> odds, answers = np.array([0.0]), np.array([1e4])
        >>> found = Recalibration.fit(odds, answers, np.array([7311.0]), precision_of(odds, answers, 100.0))
        >>> round(found.intercept, 1)
        1.0
        """
        design = np.column_stack([np.ones(len(odds)), odds])
        solution = centre = np.array([0.0, 1.0] if around is None else [around.intercept, around.slope])

        def energy(at: Floats) -> float:
            logits, away = design @ at, at - centre
            return float(answers @ np.logaddexp(0.0, logits) - right @ logits + away @ prior @ away / 2)

        for _ in range(_STEPS):
            probability = 1.0 / (1.0 + np.exp(-np.clip(design @ solution, -500.0, 500.0)))
            gradient = design.T @ (answers * probability - right) + prior @ (solution - centre)
            curvature = (design * (answers * probability * (1 - probability))[:, None]).T @ design + prior
            step, before = np.linalg.solve(curvature, gradient), energy(solution)
            while energy(solution - step) > before + 1e-9 and np.abs(step).max() > 1e-9:
                step = step / 2
            solution = solution - step
            if np.abs(step).max() < 1e-8:
                break
        return cls(float(solution[0]), max(_LEAST_SLOPE, float(solution[1])), float(answers.sum()))

    def information(self, odds: Floats, answers: Floats) -> Floats:
        """Return what numbers of answers (n,) at log-odds (n,) tell of intercept and slope: (2, 2), Fisher's."""
        design = np.column_stack([np.ones(len(odds)), odds])
        p = 1.0 / (1.0 + np.exp(-self.intercept - self.slope * odds))
        return np.asarray((design * (answers * p * (1.0 - p))[:, None]).T @ design)


def precision_of(odds: Floats, answers: Floats, prior_answers: float) -> Floats:
    """Return the precision (2, 2) of a prior that is worth so many answers as those at log-odds (n,) are.

    It holds a little of a slope where all log-odds are alike.
    """
    told = Recalibration().information(odds, answers) * (prior_answers / max(float(answers.sum()), 1.0))
    return np.asarray(told + np.eye(2) * min(1.0, prior_answers / _MOST_PRIOR))


@dataclass
class FeedbackCounts:
    """Answers with feedback, counted by kind of device, the variants that ran, and how probably they were right.

    Args:
        variants: of the policy, by whose numbers a set is known.
        kinds: the kind of device, by device_id.

    >>> FeedbackCounts(("a", "b"), {}).fits(100.0)
    {}
    """

    variants: tuple[str, ...]
    kinds: Mapping[str, str]
    columns: tuple[str, ...] = ("device_id", "stage", "variant", "probability_right", "right")
    _sums: dict[tuple[str, tuple[int, ...], int], list[float]] = field(default_factory=dict)

    def add_all(self, batches: Iterable[Any]) -> "FeedbackCounts":
        """Count Arrow batches of merged rows; return this."""
        for batch, begins in whole_answers(batches):
            self.add(batch, begins)
        return self

    def add(self, batch: Any, begins: list[int]) -> None:
        """Count the answers of a batch; see `whole_answers`."""
        right, probability = numbers_of(batch, "right"), numbers_of(batch, "probability_right")
        names, ids = batch.column("variant").to_pylist(), batch.column("device_id").to_pylist()
        places = {name: number for number, name in enumerate(self.variants)}
        for begin, end in itertools.pairwise(begins):
            if not (right[begin] == right[begin] and probability[end - 1] == probability[end - 1]):
                continue
            members = tuple(sorted({places.get(name, -1) for name in names[begin:end]}))
            if members[0] < 0:
                continue
            place = round(float(log_odds(probability[end - 1])) / _STEP)
            sums = self._sums.setdefault((self.kinds[ids[begin]], members, place), [0.0, 0.0])
            sums[0] += 1.0
            sums[1] += float(right[begin])

    def fits(self, prior_answers: float) -> dict[tuple[int, ...], Recalibration]:
        """Return how to calibrate anew, by set of variants, those that feedback was heard of, on all devices."""
        found = {}
        for members in self.sets():
            odds, answers, right = self.rows(members)
            prior = precision_of(odds, answers, min(prior_answers, _MOST_PRIOR))
            found[members] = Recalibration.fit(odds, answers, right, prior)
        return found

    def sets(self) -> list[tuple[int, ...]]:
        """Return the sets of variants that feedback was heard of, sorted."""
        return sorted({members for _, members, _ in self._sums})

    def kinds_heard(self, members: tuple[int, ...]) -> list[str]:
        """Return the kinds of devices that gave feedback of a set of variants, sorted."""
        return sorted({kind for kind, one, _ in self._sums if one == members})

    def rows(self, members: tuple[int, ...], kind: str | None = None) -> tuple[Floats, Floats, Floats]:
        """Return log-odds, numbers of answers and of right ones (n,) of a set of variants, on a kind or all devices."""
        mine: dict[int, list[float]] = {}
        for (one, key, place), (answers, right) in self._sums.items():
            if key == members and kind in (None, one):
                sums = mine.setdefault(place, [0.0, 0.0])
                sums[0] += answers
                sums[1] += right
        table = np.array([(place, *mine[place]) for place in sorted(mine)], np.float64).reshape(-1, 3)
        return table[:, 0] * _STEP, table[:, 1], table[:, 2]


def recalibrated(cascade: Cascade, fits: Mapping[tuple[int, ...], Recalibration]) -> Cascade:
    """Return a cascade whose probabilities are calibrated anew; how they move from stage to stage moves with them."""
    return replace(cascade, nodes=tuple(_node(node, fits.get(node.members)) for node in cascade.nodes))


def _node(node: Node, fit: Recalibration | None) -> Node:
    if fit is None or not node.members:
        return node
    grid = fit.of(node.grid)
    if not (np.diff(grid) > 0).all():  # too near to 0 or 1 to be told apart
        return node
    return replace(
        node,
        coefficients=node.coefficients * fit.slope,
        intercept=fit.intercept + fit.slope * node.intercept,
        grid=grid,
    )


def log_odds(probability: Any) -> Floats:
    """Return log-odds, kept finite."""
    p = np.asarray(probability, np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(np.log(p) - np.log1p(-p), -_FARTHEST, _FARTHEST))
