"""Hindsight: what a sceptic would ship, and what an oracle would choose, found on the very samples that judge."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from compsel.selection.judging.paired_comparison import PolicyAnswers

__all__ = ["HindsightStatic", "hindsight_static", "oracle_choices", "shortlist"]

# one answer a sample tells latencies apart that differ by more than this factor; what is nearer is timed again
_NEAR, _MOST = 1.25, 3


@dataclass(frozen=True, slots=True)
class HindsightStatic:
    """The choice that a sceptic would ship: it never changes.

    Attributes:
        variant: its name.
        as_accurate: whether it is at least as accurate as the policy it is compared with; else none is, and this is
            the most accurate one.
        contenders: how many it was chosen from.
        by_cost: whether it is the one that costs least, wrong answers included, however accurate.

    >>> HindsightStatic("net/int8-static", as_accurate=True, contenders=3).described
    'net/int8-static, the fastest single variant that is as accurate here'
    """

    variant: str
    as_accurate: bool
    contenders: int
    by_cost: bool = False

    @property
    def described(self) -> str:
        """The variant, and why it."""
        return f"{self.variant}, {self.what}"

    @property
    def what(self) -> str:
        """Why it."""
        if self.by_cost:
            return "the single variant that costs least here, wrong answers included"
        if self.as_accurate:
            return "the fastest single variant that is as accurate here"
        return "the most accurate single variant here (none is as accurate)"


def hindsight_static(
    static: Mapping[str, PolicyAnswers], accuracy: float, penalty: float | None = None
) -> HindsightStatic:
    """Return the fastest variant that is at least so accurate; where none is, the most accurate one.

    Args:
        static: by variant, its answers to the samples that judge.
        accuracy: of the policy that it is compared with, on the same samples.
        penalty: cost of a wrong answer where accuracy has no floor: then the variant that costs least; None: none.

    >>> from compsel.evaluation.results import PolicyResult
    >>> static = {name: PolicyResult(name, np.array(right), np.array([ms, ms]))
    ...           for name, right, ms in (("a", [1.0, 1.0], 9.0), ("b", [1.0, 0.0], 2.0))}
    >>> hindsight_static(static, 0.5).variant, hindsight_static(static, 0.6).variant
    ('b', 'a')
    >>> hindsight_static(static, 0.6, penalty=10.0).variant
    'b'
    """
    if penalty is not None:
        costs = _mean_costs(static, penalty)
        best = min(costs, key=lambda name: costs[name])
        return HindsightStatic(best, bool(static[best].right.mean() >= accuracy), len(static), by_cost=True)
    enough = [name for name, answers in static.items() if answers.right.mean() >= accuracy]
    if enough:
        fastest = min(enough, key=lambda name: float(static[name].latency_ms.mean()))
        return HindsightStatic(fastest, True, len(static))
    best = max(static, key=lambda name: (static[name].right.mean(), -static[name].latency_ms.mean()))
    return HindsightStatic(best, False, len(static))


def _mean_costs(static: Mapping[str, PolicyAnswers], penalty: float) -> dict[str, float]:
    return {name: float((one.latency_ms + penalty * (1.0 - one.right)).mean()) for name, one in static.items()}


def shortlist(static: Mapping[str, PolicyAnswers], accuracy: float, penalty: float | None = None) -> list[str]:
    """Return the few variants, fastest first, one of which `hindsight_static` will be when they are timed well.

    Args:
        static: by variant, one answer to each sample. Medians are compared: a single hiccup outweighs few samples.
        accuracy, penalty: see `hindsight_static`.

    >>> from compsel.evaluation.results import PolicyResult
    >>> static = {name: PolicyResult(name, np.ones(2), np.array([ms, ms])) for name, ms in (("a", 9.0), ("b", 2.0))}
    >>> shortlist(static, 1.0)
    ['b']
    """
    if penalty is not None:
        costs = _mean_costs(static, penalty)
        least = min(costs.values())
        return [name for name in sorted(costs, key=lambda name: costs[name]) if costs[name] <= _NEAR * least][:_MOST]
    enough = sorted((name for name in static if static[name].right.mean() >= accuracy), key=_median_of(static))
    if not enough:
        return [hindsight_static(static, accuracy).variant]
    limit_ms = _NEAR * _median_of(static)(enough[0])
    return [name for name in enough if _median_of(static)(name) <= limit_ms][:_MOST]


def oracle_choices(static: Mapping[str, PolicyAnswers]) -> list[str]:
    """Return for each sample the fastest variant (by the median) among those that are right; if none, among all.

    >>> from compsel.evaluation.results import PolicyResult
    >>> static = {"dear": PolicyResult("dear", np.ones(2), np.array([9.0, 9.0])),
    ...           "cheap": PolicyResult("cheap", np.array([1.0, 0.0]), np.array([2.0, 2.0]))}
    >>> oracle_choices(static)
    ['cheap', 'dear']
    """
    order = sorted(static, key=_median_of(static))
    right = np.stack([static[name].right for name in order])
    return [order[place] for place in right.argmax(axis=0)]  # the first of those that are right


def _median_of(static: Mapping[str, PolicyAnswers]) -> Callable[[str], float]:
    return lambda name: float(np.median(static[name].latency_ms))
