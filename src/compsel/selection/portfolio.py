"""From many variants keep the few that complement each other.

Greedy forward selection, as algorithm 1 of LCTES 2018, but on the objective itself: a variant is added when the staged
policy with it costs least, not when it is most often the cheapest right one. What each one adds is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compsel.selection.problem import Problem
from compsel.selection.staged import StagedPolicy
from compsel.selection.staged_training import fit_staged

__all__ = ["Addition", "choose_portfolio", "complementary"]

_LEAST_GAIN = 0.005  # of the cost so far: less is noise


@dataclass(frozen=True, slots=True)
class Addition:
    """One step of the selection.

    Attributes:
        variant: its name.
        cost: expected cost per input with it, in ms, wrong answers included at the penalty.
        quality: expected quality with it.
    """

    variant: str
    cost: float
    quality: float


def choose_portfolio(problem: Problem, penalty: float, size: int) -> tuple[Addition, ...]:
    """Return at most `size` variants, in the order in which they were added."""
    candidates = _undominated(problem)
    policy = fit_staged(
        [problem.names[number] for number in candidates],
        [problem.evidence[number] for number in candidates],
        problem.targets,
        max_stages=min(2, size),
    )
    prices = problem.prices_ms[candidates]
    chosen: list[int] = []
    additions: list[Addition] = []
    while len(chosen) < min(size, len(candidates)):
        best = min(
            (number for number in range(len(candidates)) if number not in chosen),
            key=lambda number: _cost(policy, prices, [*chosen, number], penalty)[0],
        )
        cost, quality = _cost(policy, prices, [*chosen, best], penalty)
        if additions and cost > additions[-1].cost * (1.0 - _LEAST_GAIN):
            break
        chosen.append(best)
        additions.append(Addition(policy.variants[best], cost, quality))
    return tuple(additions)


def complementary(problem: Problem, penalty: float, size: int) -> tuple[int, ...]:
    """Return at most `size` variants among which an oracle would cost least (greedy), for selectors without stages."""
    cost = problem.costs(penalty)
    chosen: list[int] = []
    so_far = np.full(len(cost), np.inf)
    while len(chosen) < min(size, cost.shape[1]):
        totals = np.minimum(cost, so_far[:, None]).mean(axis=0)
        best = int(np.argmin(totals))
        if best in chosen or totals[best] > so_far.mean() * (1.0 - _LEAST_GAIN):
            break
        chosen.append(best)
        so_far = np.minimum(so_far, cost[:, best])
    return tuple(chosen)


def _cost(policy: StagedPolicy, prices: np.ndarray, variants: Sequence[int], penalty: float) -> tuple[float, float]:
    allowed = np.full(len(prices), np.inf)
    allowed[list(variants)] = prices[list(variants)]
    plan = policy.plan(allowed, penalty)
    return plan.expected_price + penalty * (1.0 - plan.expected_quality), plan.expected_quality


def _undominated(problem: Problem) -> list[int]:
    """Leave out variants of a model that are slower and no better than another variant of the same model."""
    quality = problem.quality.mean(axis=0)
    models = [name.partition("/")[0] for name in problem.names]
    return [
        number
        for number in range(len(models))
        if not any(
            models[other] == models[number]
            and other != number
            and problem.prices_ms[other] <= problem.prices_ms[number]
            and quality[other] >= quality[number]
            and (
                other < number
                or (problem.prices_ms[other], quality[other]) != (problem.prices_ms[number], quality[number])
            )
            for other in range(len(models))
        )
    ]
