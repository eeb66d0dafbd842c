"""From many variants keep the few that complement each other.

Greedy forward selection, as algorithm 1 of LCTES 2018, but on the objective itself and out of fold: the variant is
added with which the cascade costs least on samples that it was not trained on. What each one adds is kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from compsel.selection.dataset import SelectionDataset
from compsel.selection.training.operating_points import OutOfFoldCascades

__all__ = ["Addition", "choose_portfolio", "complementary", "contenders", "enough_gain", "worth_trying"]

_LEAST_GAIN = 0.005  # of the cost so far: less is noise
_MOST_CANDIDATES = 9


@dataclass(frozen=True, slots=True)
class Addition:
    """One step of the selection.

    Attributes:
        variant: its name.
        latency_ms: mean per input with it, out of fold.
        quality: mean with it, out of fold.
    """

    variant: str
    latency_ms: float
    quality: float


def choose_portfolio(policies: OutOfFoldCascades, error_cost: float, size: int) -> tuple[Addition, ...]:
    """Return at most `size` variants, in the order in which they were added.

    Args:
        policies: over the variants to choose from.
        error_cost: of a wrong answer.
        size: how many at most.
    """
    chosen: list[int] = []
    additions: list[Addition] = []
    cost = np.inf
    while len(chosen) < min(size, len(policies.names)):
        points = {
            number: policies.at(error_cost, [*chosen, number])
            for number in range(len(policies.names))
            if number not in chosen
        }
        number = min(points, key=lambda key: points[key].cost(error_cost))
        best = points[number]
        if best.cost(error_cost) > cost * (1.0 - _LEAST_GAIN):
            break
        cost = best.cost(error_cost)
        chosen.append(number)
        additions.append(Addition(policies.names[number], best.latency_ms, best.quality))
    return tuple(additions)


def complementary(dataset: SelectionDataset, penalty: float, size: int) -> tuple[int, ...]:
    """Return at most `size` variants among which an oracle would cost least (greedy), to choose without stages."""
    cost = dataset.costs(penalty)
    chosen: list[int] = []
    so_far = np.full(len(cost), np.inf)
    while len(chosen) < min(size, cost.shape[1]):
        totals = np.minimum(cost, so_far[:, None]).mean(axis=0)
        best = int(np.argmin(totals))
        if best in chosen or not enough_gain(float(totals[best]), float(so_far.mean())):
            break
        chosen.append(best)
        so_far = np.minimum(so_far, cost[:, best])
    return tuple(chosen)


def enough_gain(cost: float, so_far: float) -> bool:
    """Whether a further variant, with which the mean cost is `cost`, is worth having.

    >>> enough_gain(0.9, 1.0), enough_gain(0.999, 1.0)
    (True, False)
    """
    return cost <= so_far * (1.0 - _LEAST_GAIN)


def contenders(dataset: SelectionDataset) -> list[int]:
    """Return the variants that are worth trying, see `worth_trying`."""
    return worth_trying(
        dataset.mean_quality,
        dataset.costs_ms,
        dataset.most_accurate,
        lambda number, cheaper: _beaten(dataset, number, cheaper),
    )


def worth_trying(
    quality: NDArray[np.float64],
    costs: NDArray[np.float64],
    most_accurate: int,
    beaten: Callable[[int, list[int]], bool],
) -> list[int]:
    """Return the variants that are worth trying, cheapest first; thinned out where they crowd.

    A variant is out when another one is no dearer and better by more than one standard error of their difference on
    the same samples: a smaller difference says nothing, and a variant that is no better alone may still complement
    others. The most accurate uncompressed variant always stays.

    Args:
        quality: (n_variants,), means.
        costs: (n_variants,).
        most_accurate: the most accurate uncompressed variant.
        beaten: whether a variant is worse than one of others by more than that.
    """
    order = np.argsort(costs, kind="stable").tolist()
    kept = [number for place, number in enumerate(order) if not beaten(number, order[:place])]
    while len(kept) > _MOST_CANDIDATES:
        ratios = [costs[dearer] / costs[cheaper] for cheaper, dearer in pairwise(kept)]
        place = int(np.argmin(ratios))
        worse = min(kept[place], kept[place + 1], key=lambda number: (quality[number], -costs[number]))
        kept.remove(worse)
    if most_accurate not in kept:
        kept.append(most_accurate)
    return kept


def _beaten(dataset: SelectionDataset, number: int, cheaper: Sequence[int]) -> bool:
    gains = dataset.quality[:, list(cheaper)] - dataset.quality[:, [number]]
    errors = gains.std(axis=0) / np.sqrt(len(gains))
    return bool((gains.mean(axis=0) > errors).any())
