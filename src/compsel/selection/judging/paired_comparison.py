"""Compare what two policies did on the same samples: speed-up and accuracy, each with its 95 % confidence interval.

The interval of a speed-up is made of percentiles of a paired bootstrap over the samples (Efron and Tibshirani, An
Introduction to the Bootstrap, 1993, chapter 13); samples of one group are drawn together. A speed-up is a ratio of
means, not a mean of ratios: it says how much sooner all the answers are there. That of the accuracy is
`paired_accuracy`'s, which has a width where the samples show no difference too.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compsel.profiling.confidence_intervals import Estimate, bootstrap_sums
from compsel.selection.judging.difference_words import points_words, speed_words, times_words
from compsel.selection.judging.paired_accuracy import paired_accuracy

__all__ = ["PairedComparison", "PolicyAnswers", "compare"]

_ENDS = [0.025, 0.975]


class PolicyAnswers(Protocol):
    """What a policy did on n samples."""

    @property
    def right(self) -> NDArray[np.float64]:
        """Whether each answer was right, (n,)."""
        ...

    @property
    def latency_ms(self) -> NDArray[np.float64]:
        """What each took, (n,)."""
        ...

    @property
    def choices(self) -> Mapping[str, int]:
        """What ran, as "<variant>@<processor>", with its number of samples; empty where that is not known."""
        ...


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """One policy against another one, on the same samples.

    Attributes:
        speedup: mean latency of the other one divided by ours; above 1 we are faster.
        accuracy: ours minus the other's, as a fraction; above 0 we are right more often.
        cost: mean cost of the other one divided by ours, wrong answers included; None where accuracy has a floor, and
            no price.
        alike: number of samples, where two that are not the same are right on the very same ones; else 0.

    >>> same = PairedComparison(Estimate(1.0, 1.0, 1.0), Estimate(0.0, 0.0, 0.0))
    >>> same.faster, same.slower, same.less_accurate
    (False, False, False)
    """

    speedup: Estimate
    accuracy: Estimate
    cost: Estimate | None = None
    alike: int = 0

    @property
    def faster(self) -> bool:
        """Whether we are, with 95 % confidence."""
        return self.speedup.low > 1

    @property
    def slower(self) -> bool:
        """Whether we are, with 95 % confidence."""
        return self.speedup.high < 1

    @property
    def more_accurate(self) -> bool:
        """Whether we are, with 95 % confidence."""
        return self.accuracy.low > 0

    @property
    def less_accurate(self) -> bool:
        """Whether we are, with 95 % confidence."""
        return self.accuracy.high < 0

    @property
    def beats(self) -> bool:
        """Whether we are better in one of both with 95 % confidence, and not worse in the other one so surely.

        Where wrong answers have a price: whether we cost less with 95 % confidence.
        """
        if self.cost is not None:
            return self.cost.low > 1
        return (self.faster and not self.less_accurate) or (self.more_accurate and not self.slower)

    @property
    def is_same(self) -> bool:
        """Whether there is nothing to compare: a choice with itself."""
        return self.speedup.low == self.speedup.high == 1 and self.accuracy.low == self.accuracy.high == 0

    def __str__(self) -> str:
        return self.words()

    def words(self, unit: str = "ms") -> str:
        """Return the figures in words, of latencies, or of what stands in their place: energies, in "mJ"."""
        costs = speed_words(self.speedup)
        if unit == "mJ":
            costs = times_words(self.speedup, "as little energy", "as much energy")
        text = f"{costs}; {points_words(self.accuracy, self.alike)}"
        if self.cost is None or self.is_same:
            return text
        return f"{text}; wrong answers included, {times_words(self.cost, 'as cheap', 'as dear')}"

    def to_dict(self, other: str) -> dict[str, Any]:
        """Return the JSON form, the figures named after the other one."""
        return {
            f"speedup_vs_{other}": self.speedup.value,
            f"speedup_vs_{other}_95": [self.speedup.low, self.speedup.high],
            f"accuracy_vs_{other}": self.accuracy.value,
            f"accuracy_vs_{other}_95": [self.accuracy.low, self.accuracy.high],
        }


def compare(
    ours: PolicyAnswers,
    other: PolicyAnswers,
    groups: ArrayLike | None = None,
    *,
    penalty: float | None = None,
    cost_error: float = 0.0,
) -> PairedComparison:
    """Compare two policies.

    Args:
        ours, other: of the same n samples.
        groups: (n,), samples of one group are drawn together; None: each by itself.
        penalty: cost of a wrong answer, where it has one; None: it has none.
        cost_error: half the 95 % interval of the ratio of both latencies that measuring them leaves, as a share of it;
            0 where they were timed on these samples.

    >>> from compsel.evaluation.results import PolicyResult
    >>> fast, slow = (PolicyResult(name, np.ones(2), np.full(2, ms)) for name, ms in (("fast", 2.0), ("slow", 5.0)))
    >>> compare(fast, slow).speedup
    Estimate(value=2.5, low=2.5, high=2.5)
    """
    n, error = len(ours.right), 0.0 if _is_same(ours, other) else cost_error
    wrong = 0.0 if penalty is None else penalty
    costs = [one.latency_ms + wrong * (1.0 - one.right) for one in (ours, other)]
    drawn = bootstrap_sums(np.stack([ours.latency_ms, other.latency_ms, *costs], axis=1), groups).T
    same_answers = _answer_alike(ours, other)
    accuracy = Estimate(0.0, 0.0, 0.0) if same_answers else paired_accuracy(ours.right - other.right, groups)
    return PairedComparison(
        _ratio(float(other.latency_ms.mean() / ours.latency_ms.mean()), drawn[1] / drawn[0], error),
        accuracy,
        None if penalty is None else _ratio(float(costs[1].mean() / costs[0].mean()), drawn[3] / drawn[2], error),
        n if not same_answers and np.array_equal(ours.right, other.right) else 0,
    )


def _is_same(ours: PolicyAnswers, other: PolicyAnswers) -> bool:
    """Whether both are the same choice for every sample."""
    return ours is other or (len(ours.choices) == 1 and set(ours.choices) == set(other.choices))


def _answer_alike(ours: PolicyAnswers, other: PolicyAnswers) -> bool:
    """Whether the same variant answers for both, on whatever processor, and none of its answers is withheld."""
    ran = [{choice.rpartition("@")[0] or choice for choice in one.choices} for one in (ours, other)]
    same = ours is other or (len(ran[0]) == 1 and ran[0] == ran[1])
    return same and np.array_equal(ours.right, other.right)


def _ratio(value: float, drawn: NDArray[np.float64], error: float) -> Estimate:
    """Return a ratio with its interval; what the samples and what measuring leave open is independent of each other."""
    low, high = (float(end) for end in np.quantile(drawn, _ENDS))
    if not error:
        return Estimate(value, low, high)
    below, above = math.hypot(math.log(value / low), error), math.hypot(math.log(high / value), error)
    return Estimate(value, value * math.exp(-below), value * math.exp(above))
