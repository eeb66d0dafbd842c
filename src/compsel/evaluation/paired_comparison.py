"""Compare what two policies did on the same samples: speed-up and accuracy, each with its 95 % confidence interval.

Intervals are percentiles of a paired bootstrap over the samples (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, chapter 13); samples of one group are drawn together. A speed-up is a ratio of means, not a mean of
ratios: it says how much sooner all the answers are there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from compsel.evaluation.result_words import points_words, speed_words
from compsel.profiling.confidence_intervals import Estimate, bootstrap_sums

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

    >>> same = PairedComparison(Estimate(1.0, 1.0, 1.0), Estimate(0.0, 0.0, 0.0))
    >>> same.faster, same.slower, same.less_accurate
    (False, False, False)
    """

    speedup: Estimate
    accuracy: Estimate

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
        """Whether we are better in one of both with 95 % confidence, and not worse in the other one so surely."""
        return (self.faster and not self.less_accurate) or (self.more_accurate and not self.slower)

    def __str__(self) -> str:
        """Return the figures in words."""
        return f"{speed_words(self.speedup)}; {points_words(self.accuracy)}"

    def to_dict(self, other: str) -> dict[str, Any]:
        """Return the JSON form, the figures named after the other one."""
        return {
            f"speedup_vs_{other}": self.speedup.value,
            f"speedup_vs_{other}_95": [self.speedup.low, self.speedup.high],
            f"accuracy_vs_{other}": self.accuracy.value,
            f"accuracy_vs_{other}_95": [self.accuracy.low, self.accuracy.high],
        }


def compare(ours: PolicyAnswers, other: PolicyAnswers, groups: ArrayLike | None = None) -> PairedComparison:
    """Compare two policies.

    Args:
        ours, other: of the same n samples.
        groups: (n,), samples of one group are drawn together; None: each by itself.

    >>> from compsel.evaluation.results import PolicyResult
    >>> fast, slow = (PolicyResult(name, np.ones(2), np.full(2, ms)) for name, ms in (("fast", 2.0), ("slow", 5.0)))
    >>> compare(fast, slow).speedup
    Estimate(value=2.5, low=2.5, high=2.5)
    """
    n = len(ours.right)
    columns = [ours.latency_ms, other.latency_ms, ours.right, other.right, np.ones(n)]
    drawn = bootstrap_sums(np.stack(columns, axis=1), groups).T
    return PairedComparison(
        _estimate(float(other.latency_ms.mean() / ours.latency_ms.mean()), drawn[1] / drawn[0]),
        _estimate(float(ours.right.mean() - other.right.mean()), (drawn[2] - drawn[3]) / drawn[4]),
    )


def _estimate(value: float, drawn: NDArray[np.float64]) -> Estimate:
    low, high = np.quantile(drawn, _ENDS)
    return Estimate(value, float(low), float(high))
