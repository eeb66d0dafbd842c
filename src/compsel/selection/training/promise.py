"""What cross-validation found: a score for each kind of policy, and what is promised of the one that ships."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.selection.dataset import Outcome, SelectionDataset
from compsel.selection.training.bootstrap import (
    Interval,
    bootstrap,
    mean_of_first,
    ratio_of_sums,
    share_of_distance,
)

__all__ = ["Promise", "Score", "hindsight_static", "promise_of", "score_of"]

_EQUAL = 1e-9


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
class Promise:
    """What is promised of the shipped policy: where each figure lies on as many other samples, with 95 % confidence.

    From answers to held-out samples, by policies of the same procedure. Such a figure of other samples varies for
    two reasons, these samples and those: the intervals are wider than those of the means alone.

    Attributes:
        n: number of samples (groups of them) that it comes from.
        accuracy_difference: quality minus that of the most accurate uncompressed network.
        speedup_vs_most_accurate: over that network.
        speedup_vs_best_static: over the static choice that training finds.
        gap_closed: between that and the oracle.
        hindsight_static: the fastest variant that never changes and is at least as accurate, found on these very
            samples; the most accurate one where none is.
        speedup_vs_hindsight_static, accuracy_vs_hindsight_static: against it; not widened, for it was found on these.
        verdict: in one sentence, whether the policy beats it.
    """

    n: int
    accuracy_difference: Interval
    speedup_vs_most_accurate: Interval
    speedup_vs_best_static: Interval
    gap_closed: Interval
    hindsight_static: str
    speedup_vs_hindsight_static: Interval
    accuracy_vs_hindsight_static: Interval
    verdict: str


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


def hindsight_static(dataset: SelectionDataset, quality: float) -> int:
    """Return the cheapest variant that is at least as good as a policy on these samples; the best one if none is."""
    means = dataset.quality.mean(axis=0)
    if not (means >= quality - _EQUAL).any():
        return int(np.lexsort((dataset.costs_ms, -means))[0])
    return int(np.argmin(np.where(means >= quality - _EQUAL, dataset.costs_ms, np.inf)))


def promise_of(
    dataset: SelectionDataset, outcomes: Mapping[str, Outcome], winner: str, penalty: float, seed: int
) -> Promise:
    """Return what held-out outcomes promise of the winner."""
    groups = dataset.groups

    def speedup(over: Outcome) -> Interval:
        return bootstrap(ratio_of_sums, [over.latency_ms, mine.latency_ms], groups, seed)

    def difference(to: Outcome) -> Interval:
        return bootstrap(mean_of_first, [mine.quality - to.quality], groups, seed)

    mine, accurate, static = (outcomes[name] for name in (winner, "most accurate", "single best"))
    gap = bootstrap(share_of_distance, [one.cost(penalty) for one in (mine, static, outcomes["oracle"])], groups, seed)
    rival = hindsight_static(dataset, float(mine.quality.mean()))
    faster, better = speedup(dataset.fixed(rival)), difference(dataset.fixed(rival))
    return Promise(
        len(mine.quality) if groups is None else len(np.unique(groups)),
        difference(accurate).for_other_samples(),
        speedup(accurate).for_other_samples(),
        speedup(static).for_other_samples(),
        gap.for_other_samples(),
        dataset.names[rival],
        faster,
        better,
        _verdict(winner, dataset.names[rival], faster, better),
    )


def _verdict(winner: str, rival: str, faster: Interval, better: Interval) -> str:
    against = f"{rival}, the best single variant in hindsight"
    figures = (
        f"{faster.value:.2f} times as fast ({faster.low:.2f} to {faster.high:.2f}), "
        f"{100 * better.value:+.1f} points ({100 * better.low:+.1f} to {100 * better.high:+.1f})"
    )
    if faster.low > 1 and better.high >= 0:
        return f"{winner} beats {against}, with 95 % confidence: {figures}"
    return f"{winner} does not beat {against}, with 95 % confidence: {figures}"
