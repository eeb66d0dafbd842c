"""The one rule for what ships and for what is said of it: does a policy beat the best choice that never changes?

That choice is found in hindsight, on the very samples that judge, among all that was measured. Where a policy does not
beat it with 95 % confidence, a build ships a single choice; the printed sentence, the JSON and the report say what this
comparison says. So noise in what was measured costs at worst the gain of choosing, never an honest verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from numpy.typing import ArrayLike

from compsel.selection.judging.hindsight import HindsightStatic, hindsight_static
from compsel.selection.judging.paired_comparison import PairedComparison, PolicyAnswers, compare

__all__ = ["AgainstSingle", "SingleChoices"]


@dataclass(frozen=True, slots=True)
class AgainstSingle:
    """A policy against the best single choice.

    Attributes:
        choice: that one.
        found: the comparison.
        unproven: how much quality that choice lacks of what must be shown of it before it may ship, as a fraction: it
            is as accurate here, but so few samples leave open whether it is on others; 0: nothing.

    >>> from compsel.profiling.confidence_intervals import Estimate
    >>> same = PairedComparison(Estimate(1.0, 1.0, 1.0), Estimate(0.0, 0.0, 0.0))
    >>> AgainstSingle(HindsightStatic("net/int8-static", True, 3), same).beats
    False
    """

    choice: HindsightStatic
    found: PairedComparison
    unproven: float = 0.0

    @property
    def beats(self) -> bool:
        """Whether the policy may ship in place of a single choice, and is said to beat it."""
        return self.found.beats


@dataclass(frozen=True)
class SingleChoices:
    """What always running each variant gives, for the samples that judge.

    Attributes:
        static: by variant.
        groups: (n,), of the samples; None: each is by itself.
        cost_errors: by variant, half the 95 % interval of its mean cost as a share of it: how well it was measured.
        penalty: cost of a wrong answer, where no floor says how accurate a policy has to be; None: one does.
        unproven: by variant, see `AgainstSingle`.

    >>> import numpy as np
    >>> from compsel.selection.dataset import Outcome
    >>> slow, fast = (Outcome(np.ones(40), np.full(40, ms), np.full(40, name)) for name, ms in (("a", 5.0), ("b", 2.0)))
    >>> SingleChoices({"a": slow}).against(fast).beats, SingleChoices({"a": slow, "b": fast}).against(fast).beats
    (True, False)
    >>> SingleChoices({"a": slow}, cost_errors={"a": 1.0, "b": 1.0}).against(fast).beats
    False
    """

    static: Mapping[str, PolicyAnswers]
    groups: ArrayLike | None = None
    cost_errors: Mapping[str, float] = field(default_factory=dict)
    penalty: float | None = None
    unproven: Mapping[str, float] = field(default_factory=dict)

    def against(self, ours: PolicyAnswers) -> AgainstSingle:
        """Compare a policy with the choice that a sceptic would ship instead of it."""
        choice = hindsight_static(self.static, float(ours.right.mean()), self.penalty)
        sceptic = self.static[choice.variant]
        error = (self._error(ours) ** 2 + self._error(sceptic) ** 2) ** 0.5
        found = compare(ours, sceptic, self.groups, penalty=self.penalty, cost_error=error)
        return AgainstSingle(choice, found, self.unproven.get(choice.variant, 0.0))

    def _error(self, answers: PolicyAnswers) -> float:
        """Return how well the mean cost is known: of several variants, as well as that of the least known one."""
        variants = {stage for way in answers.choices for stage in way.split(" > ")}
        return max((self.cost_errors.get(variant, 0.0) for variant in variants), default=0.0)
