"""What cross-validation found: a score for each kind of policy, and what is expected of the one that ships."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.selection.dataset import Outcome, SelectionDataset
from compsel.selection.training.bootstrap import (
    Interval,
    bootstrap,
    ratio_of_sums,
    share_of_distance,
)
from compsel.selection.training.non_inferiority import paired_difference

__all__ = ["Expectation", "Optimism", "Score", "expectation_of", "score_of"]

Floats = NDArray[np.float64]
_TWO_SIDED = 1.96  # standard errors: 95 %


@dataclass(frozen=True, slots=True)
class Optimism:
    """How much better policies of one kind are on samples that they were trained on than on others.

    What a policy that was trained on all samples reaches on these, less the optimism, is what it should reach on
    others (Efron and Tibshirani 1993, section 17.6). It is kept by sample, so that intervals know how uncertain it is.

    Attributes:
        quality: (n,), of each sample: mean of the policies that it trained, less that of the one that it did not.
        latency_ms: (n,), the same; above 0 where those take longer.

    >>> seen, held_out = (Outcome(np.full(2, q), np.ones(2), np.full(2, "a")) for q in (1.0, 0.9))
    >>> Optimism.of([seen], held_out).removed(seen).quality.round(3)
    array([0.9, 0.9])
    """

    quality: Floats
    latency_ms: Floats

    @classmethod
    def of(cls, seen: Sequence[Outcome], held_out: Outcome) -> "Optimism":
        """Compare what policies gave for samples that they were trained on, NaN where not, with held-out outcomes."""
        return cls(
            np.nanmean([one.quality for one in seen], axis=0) - held_out.quality,
            np.nanmean([one.latency_ms for one in seen], axis=0) - held_out.latency_ms,
        )

    def removed(self, outcome: Outcome) -> Outcome:
        """Return an outcome for samples that were trained on as it should be for others, on average."""
        return Outcome(outcome.quality - self.quality, outcome.latency_ms - self.latency_ms, outcome.variants)


@dataclass(frozen=True, slots=True)
class Score:
    """What one kind of policy reaches on samples.

    Attributes:
        name: of the kind.
        quality: mean.
        latency_ms: mean.
        cost: mean, wrong answers included at the objective's penalty.
        gap_closed: share of the distance between single best and oracle, a ratio of sums over all samples.
        gap_low, gap_high: its 95 % confidence interval, by bootstrap over samples (groups of them).
        quality_loss: how much quality it loses to the most accurate uncompressed network.
        speedup: over that network.
        faster, faster_low, faster_high: speed-up over the single best choice, with its 95 % confidence interval.
        ways: share of the samples that each way was taken for: the variants that ran, joined by " > ".
    """

    name: str
    quality: float
    latency_ms: float
    cost: float
    gap_closed: float
    gap_low: float
    gap_high: float
    quality_loss: float
    speedup: float
    faster: float
    faster_low: float
    faster_high: float
    ways: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected of the shipped policy: where each figure lies on as many other samples, with 95 % confidence.

    From its answers to the samples that it was trained on, less the optimism that the folds show. Such a figure of
    other samples varies for two reasons, these samples and those: the intervals are wider than those of means alone.

    Attributes:
        n: number of samples (groups of them) that it comes from.
        accuracy_difference: quality minus that of the most accurate uncompressed network.
        speedup_vs_most_accurate: over that network.
        speedup_vs_best_static: over the static choice that training finds.
        gap_closed: between that and the oracle.
    """

    n: int
    accuracy_difference: Interval
    speedup_vs_most_accurate: Interval
    speedup_vs_best_static: Interval
    gap_closed: Interval


def score_of(
    name: str, outcomes: Mapping[str, Outcome], penalty: float, seed: int, groups: NDArray[np.integer] | None
) -> Score:
    """Return the score of one kind; among the outcomes are "single best", "most accurate" and "oracle"."""
    mine, single_best, oracle = (outcomes[key].cost(penalty) for key in (name, "single best", "oracle"))
    gap = bootstrap(share_of_distance, [mine, single_best, oracle], groups, seed)
    outcome, accurate = outcomes[name], outcomes["most accurate"]
    faster = bootstrap(ratio_of_sums, [outcomes["single best"].latency_ms, outcome.latency_ms], groups, seed)
    n = len(outcome.quality)
    return Score(
        name,
        float(outcome.quality.mean()),
        float(outcome.latency_ms.mean()),
        float(mine.mean()),
        *gap,
        quality_loss=float((accurate.quality - outcome.quality).mean()),
        speedup=float(accurate.latency_ms.mean() / outcome.latency_ms.mean()),
        faster=faster.value,
        faster_low=faster.low,
        faster_high=faster.high,
        ways={way: count / n for way, count in Counter(outcome.variants.tolist()).most_common()},
    )


def expectation_of(
    dataset: SelectionDataset, outcomes: Mapping[str, Outcome], winner: str, penalty: float, seed: int
) -> Expectation:
    """Return what outcomes without optimism let expect of the winner."""
    groups = dataset.groups

    def speedup(over: Outcome) -> Interval:
        return bootstrap(ratio_of_sums, [over.latency_ms, mine.latency_ms], groups, seed)

    def difference(to: Outcome) -> Interval:
        if mine is to:
            return Interval(0.0, 0.0, 0.0)
        found = paired_difference(mine.quality, to.quality, groups)  # a bootstrap of no disagreement has no width
        return Interval(found.mean, found.low(_TWO_SIDED), found.high(_TWO_SIDED))

    mine, accurate, static = (outcomes[name] for name in (winner, "most accurate", "single best"))
    gap = bootstrap(share_of_distance, [one.cost(penalty) for one in (mine, static, outcomes["oracle"])], groups, seed)
    return Expectation(
        len(mine.quality) if groups is None else len(np.unique(groups)),
        difference(accurate).for_other_samples(),
        speedup(accurate).for_other_samples(),
        speedup(static).for_other_samples(),
        gap.for_other_samples(),
    )
