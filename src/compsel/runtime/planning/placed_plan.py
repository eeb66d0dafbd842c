"""What one call asks for, and what is planned for it."""

from collections.abc import Mapping
from dataclasses import field
from numbers import Real

from compsel.errors import ObjectiveError
from compsel.runtime.adaptation.live_costs import ChoiceCosts
from compsel.selection.policies import Policy, PolicyPlan
from compsel.values import dataclass

__all__ = ["NO_LIMITS", "Limits", "PlacedPlan", "limits_of"]

_NUMBERS = (float, int, Real)  # those that are known by their own type first: the last takes several times as long


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call asks for, besides the bundle's objective.

    Attributes:
        deadline_ms: the answer must be there by then.
        min_quality: the answer must be right with at least this probability, on average.
        minimize: what to minimise; None is the bundle's objective.
    """

    deadline_ms: float | None = None
    min_quality: float | None = None
    minimize: str | None = None

    def __post_init__(self) -> None:
        if self.deadline_ms is not None and not (isinstance(self.deadline_ms, _NUMBERS) and self.deadline_ms > 0):
            raise ObjectiveError(f"deadline_ms: got {self.deadline_ms!r}, allowed is a time above 0")
        if self.min_quality is not None and not (isinstance(self.min_quality, _NUMBERS) and 0 <= self.min_quality <= 1):
            raise ObjectiveError(f"min_quality: got {self.min_quality!r}, allowed is a fraction from 0 to 1")


NO_LIMITS = Limits()


def limits_of(deadline_ms: float | None, min_quality: float | None, minimize: str | None) -> Limits:
    """Return the limits of a call.

    Raises:
        ObjectiveError: some that are not allowed.
    """
    if deadline_ms is None and min_quality is None and minimize is None:
        return NO_LIMITS
    return Limits(deadline_ms, min_quality, minimize)


@dataclass(frozen=True)
class PlacedPlan:
    """A plan, and where its variants run.

    Attributes:
        policy: whose plan it is.
        plan: decides.
        processors: (n_variants,), the cheapest of each variant now.
        expected_ms: (n_variants,), what each takes there.
        costs: for which that is so.
        note: which limit cannot be met; empty when all can.
        choices: (n_choices,) pairs of variant and processor that `costs` are of.
        quality: of every variant, on the samples that the bundle was built with.
    """

    policy: Policy
    plan: PolicyPlan
    processors: tuple[str, ...]
    expected_ms: list[float]
    costs: ChoiceCosts
    note: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    quality: Mapping[str, float] = field(default_factory=dict)
