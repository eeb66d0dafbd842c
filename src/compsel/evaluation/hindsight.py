"""Hindsight: what a sceptic would ship, and what an oracle would choose, found on the very samples that judge."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from compsel.evaluation.paired_comparison import PolicyAnswers

__all__ = ["HindsightStatic", "hindsight_static", "oracle_choices"]


@dataclass(frozen=True, slots=True)
class HindsightStatic:
    """The choice that a sceptic would ship: it never changes.

    Attributes:
        variant: its name.
        as_accurate: whether it is at least as accurate as the policy it is compared with; else none is, and this is
            the most accurate one.
        contenders: how many it was chosen from.

    >>> HindsightStatic("net/int8-static", as_accurate=True, contenders=3).described
    'net/int8-static, the fastest single variant that is as accurate here'
    """

    variant: str
    as_accurate: bool
    contenders: int

    @property
    def described(self) -> str:
        """The variant, and why it."""
        if self.as_accurate:
            return f"{self.variant}, the fastest single variant that is as accurate here"
        return f"{self.variant}, the most accurate single variant here (none is as accurate as adaptive)"


def hindsight_static(static: Mapping[str, PolicyAnswers], accuracy: float) -> HindsightStatic:
    """Return the fastest variant that is at least so accurate; where none is, the most accurate one.

    Args:
        static: by variant, its answers to the samples that judge.
        accuracy: of the policy that it is compared with, on the same samples.

    >>> from compsel.evaluation.results import PolicyResult
    >>> static = {name: PolicyResult(name, np.array(right), np.array([ms, ms]))
    ...           for name, right, ms in (("a", [1.0, 1.0], 9.0), ("b", [1.0, 0.0], 2.0))}
    >>> hindsight_static(static, 0.5).variant, hindsight_static(static, 0.6).variant
    ('b', 'a')
    """
    enough = [name for name, answers in static.items() if answers.right.mean() >= accuracy]
    if enough:
        fastest = min(enough, key=lambda name: float(static[name].latency_ms.mean()))
        return HindsightStatic(fastest, True, len(static))
    best = max(static, key=lambda name: (static[name].right.mean(), -static[name].latency_ms.mean()))
    return HindsightStatic(best, False, len(static))


def oracle_choices(static: Mapping[str, PolicyAnswers]) -> list[str]:
    """Return for each sample the variant that is fastest on average among those that are right; if none, among all.

    >>> from compsel.evaluation.results import PolicyResult
    >>> static = {"dear": PolicyResult("dear", np.ones(2), np.array([9.0, 9.0])),
    ...           "cheap": PolicyResult("cheap", np.array([1.0, 0.0]), np.array([2.0, 2.0]))}
    >>> oracle_choices(static)
    ['cheap', 'dear']
    """
    order = sorted(static, key=lambda name: float(static[name].latency_ms.mean()))
    right = np.stack([static[name].right for name in order])
    return [order[place] for place in right.argmax(axis=0)]  # the first of those that are right
