"""What two policies cost and gave each device, summed up, and their comparison by a bootstrap over devices."""

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from compsel.errors import require
from compsel.fleet.judging.modelled import ModelledAnswers
from compsel.profiling.confidence_intervals import Estimate, bootstrap_sums
from compsel.selection.judging.paired_comparison import PairedComparison

__all__ = ["LEAST_DEVICES", "GroupVerdict", "PairedSums", "Verdict"]

Floats = NDArray[np.float64]
Verdict = Literal["better", "same", "mixed", "worse", "unknown"]

LEAST_DEVICES = 8
_MOST_UNMEASURED = 0.05  # of the cost of a policy may be of choices that nobody measured there
_Z = 1.96
_ENDS = 0.025


@dataclass(frozen=True)
class GroupVerdict:
    """The new policy against the old one, on some devices.

    Attributes:
        found: the comparison; None: unknown.
        verdict: in a word.
        devices, answers: that judge.
        why: it is unknown.
        old, new: mean cost, and quality, of each.
        differ: share of answers for which both do not do the same.

    >>> GroupVerdict(None, "unknown", 2, 40, "2 devices").words
    'unknown: 2 devices'
    """

    found: PairedComparison | None
    verdict: Verdict
    devices: int
    answers: int
    why: str = ""
    old: tuple[float, float] = (math.nan, math.nan)
    new: tuple[float, float] = (math.nan, math.nan)
    differ: float = math.nan

    @property
    def words(self) -> str:
        """The verdict in words."""
        if self.found is None:
            return f"{self.verdict}: {self.why}"
        return f"{self.verdict}: {self.found.words()}; both do the same for {1 - self.differ:.0%} of the answers"

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        found = self.found

        def interval(one: Estimate | None) -> dict[str, float] | None:
            return None if one is None else {"value": one.value, "low": one.low, "high": one.high}

        return {
            "verdict": self.verdict,
            "why": self.why,
            "devices": self.devices,
            "answers": self.answers,
            "speedup": None if found is None else interval(found.speedup),
            "accuracy": None if found is None else interval(found.accuracy),
            "cost": None if found is None else interval(found.cost),
            "old": {"cost": self.old[0], "quality": self.old[1]},
            "new": {"cost": self.new[0], "quality": self.new[1]},
            "differ": self.differ,
        }


@dataclass
class PairedSums:
    """Sums over answers.

    Args:
        n_choices: of the bundle that recorded.
        modelled: the answers for which old and new differ.

    Attributes:
        devices: by kind and device: answers; cost and quality of old and new; answers that differ.
        spent: by kind, cost of old and new by choice (2, n_choices).
        unmeasured: by kind, cost of old and new (2,) of choices that nobody measured there.

    >>> from compsel.fleet.judging.calibration import JudgedCalibration
    >>> from compsel.fleet.learning.recalibration import FeedbackCounts
    >>> modelled = ModelledAnswers(JudgedCalibration(FeedbackCounts(("a",), {})), 100.0)
    >>> PairedSums(2, modelled).verdict([], {}, None).words
    'unknown: 0 devices, needed are 8'
    """

    n_choices: int
    modelled: ModelledAnswers
    devices: dict[tuple[str, str], Floats] = field(default_factory=dict)
    spent: dict[str, Floats] = field(default_factory=dict)
    unmeasured: dict[str, Floats] = field(default_factory=dict)

    def kinds(self) -> list[str]:
        """Return the kinds that have answers, sorted."""
        return sorted({kind for kind, _ in self.devices})

    def verdict(self, kinds: list[str], deviations: dict[str, Floats], penalty: float | None) -> GroupVerdict:
        """Compare on the devices of some kinds.

        Args:
            kinds: by key.
            deviations: by kind, standard deviations of the logarithm of each choice's cost (n_choices,).
            penalty: cost of a wrong answer where quality has no floor; None: it has one.
        """
        among = frozenset(kinds)
        mine = sorted(key for key in self.devices if key[0] in among)
        rows = np.array([self.devices[key] for key in mine]).reshape(-1, 6)
        answers = int(rows[:, 0].sum()) if len(rows) else 0
        spent = sum((self.spent[kind] for kind in kinds), np.zeros((2, self.n_choices)))
        unmeasured = sum((self.unmeasured[kind] for kind in kinds), np.zeros(2))
        share = float((unmeasured / np.maximum(spent.sum(axis=1) + unmeasured, 1e-12)).max())
        if share > _MOST_UNMEASURED:
            why = f"{share:.0%} of the cost is of choices that no such device ran (compsel.load(..., explore=0.01))"
            return GroupVerdict(None, "unknown", len(rows), answers, why)
        if len(rows) < LEAST_DEVICES:
            why = f"{len(rows)} device{'s' * (len(rows) != 1)}, needed are {LEAST_DEVICES}"
            return GroupVerdict(None, "unknown", len(rows), answers, why)
        correction, doubt = self.modelled.judged(kinds, float(answers))
        rows[:, 3:5] += rows[:, :1] * correction
        return _judged(rows, self._error(kinds, spent, deviations), doubt, penalty)

    def _error(self, kinds: list[str], spent: Floats, deviations: dict[str, Floats]) -> float:
        """Return half the 95 % interval of the logarithm of the speed-up that errors of the held-out means leave.

        What both spend alike on a choice, its error changes alike.
        """
        totals = np.maximum(spent.sum(axis=1), 1e-12)
        variance = 0.0
        for kind in kinds:
            shares = self.spent[kind] / totals[:, None]
            variance += float((((shares[0] - shares[1]) * deviations[kind]) ** 2).sum())
        return _Z * math.sqrt(variance)


def _judged(rows: Floats, error: float, doubt: float, penalty: float | None) -> GroupVerdict:
    """Compare by rows of devices.

    Args:
        rows: (n, 6), see `PairedSums.devices`.
        error: half the 95 % interval of the logarithm of the speed-up that errors of costs leave.
        doubt: standard error of the difference in quality that the model of answers leaves.
        penalty: see `PairedSums.verdict`.
    """
    total, drawn, ends = rows.sum(axis=0), bootstrap_sums(rows).T, _ends(len(rows))
    if total[5] == 0:
        error = 0.0
    speedup = _interval(total[1] / total[2], drawn[1] / drawn[2], error, ends)
    difference, value = (drawn[4] - drawn[3]) / drawn[0], float((total[4] - total[3]) / total[0])
    low, high = (float(end) for end in np.quantile(difference, ends))
    accuracy = Estimate(
        value, value - math.hypot(value - low, _Z * doubt), value + math.hypot(high - value, _Z * doubt)
    )
    cost = None
    if penalty is not None:
        wrong = [one[1:3] + penalty * (one[0] - one[3:5]) for one in (total, drawn)]
        both = math.hypot(error, _Z * doubt * penalty * total[0] / wrong[0][1])
        cost = _interval(wrong[0][0] / wrong[0][1], wrong[1][0] / wrong[1][1], both, ends)
    found = PairedComparison(speedup, accuracy, cost)
    means = total / total[0]
    old, new = ((float(means[1 + one]), float(means[3 + one])) for one in range(2))
    return GroupVerdict(found, _verdict(found), len(rows), int(total[0]), "", old, new, float(means[5]))


def _ends(n: int) -> tuple[float, float]:
    """Return which quantiles of a bootstrap over n devices hold 95 %: the expanded percentile interval.

    Those of a plain one are as much too narrow as a normal distribution is beside Student's (Hesterberg, The American
    Statistician 69, 2015, section 4).
    """
    stats = require("scipy.stats", "train")
    beyond = float(stats.norm.sf(math.sqrt(n / (n - 1)) * stats.t.isf(_ENDS, n - 1)))
    return beyond, 1 - beyond


def _interval(value: float, drawn: Floats, error: float, ends: tuple[float, float]) -> Estimate:
    low, high = (math.log(end) for end in np.quantile(drawn, ends))
    middle = math.log(value)
    below, above = math.hypot(middle - low, error), math.hypot(high - middle, error)
    return Estimate(float(value), math.exp(middle - below), math.exp(middle + above))


def _verdict(found: PairedComparison) -> Verdict:
    if found.beats:
        return "better"
    mixed = (found.slower and found.more_accurate) or (found.faster and found.less_accurate)
    worse = (found.slower or found.less_accurate) and not mixed if found.cost is None else found.cost.high < 1
    return "worse" if worse else "mixed" if mixed else "same"
