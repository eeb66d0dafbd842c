"""The policy that never changes: one variant for every input."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from compsel.selection.policies.base import Policy, PolicyPlan, RowSelector, SingleStagePlan

if TYPE_CHECKING:
    from compsel.selection.dataset import Outcome, SelectionDataset

__all__ = ["FixedPolicy"]

Floats = NDArray[np.float64]


class _FixedPlan(SingleStagePlan):
    def first(self, features: NDArray[np.float32] | None) -> int:
        return 0


class FixedPolicy(Policy):
    """Always the same variant.

    Args:
        variant: its name.
        processor: always there; None: wherever it is fastest in the device's present state.

    >>> policy = FixedPolicy("net/int8-static")
    >>> policy.plan(np.ones(1), np.ones(1), np.inf).first(None)
    0
    """

    kind = "fixed"

    def __init__(self, variant: str, processor: str | None = None) -> None:
        self.variants = (variant,)
        self.processor = processor

    def plan(self, costs: Floats, durations: Floats, limit: float) -> PolicyPlan:
        """Return the only plan there is; it is refused when the variant takes longer than the limit."""
        if durations[0] > limit or not np.isfinite(costs[0]):
            raise ValueError("the only variant takes longer than the limit")
        return _FixedPlan()

    def outcome(self, dataset: "SelectionDataset") -> "Outcome":
        """Return what the variant gives for every sample."""
        return dataset.fixed(dataset.names.index(self.variants[0]))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"kind": self.kind, "variants": list(self.variants), "processor": self.processor}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], selectors: Mapping[str, RowSelector]) -> Self:
        """Read the JSON form."""
        return cls(content["variants"][0], content.get("processor"))
