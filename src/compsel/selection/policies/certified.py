"""The policy that a certificate is about: a cascade that decides alike whatever the device's state."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from compsel.selection.cascade.decision_graph import Cascade, Walk
from compsel.selection.cascade.online import PlannedCascade
from compsel.selection.cascade.serialization import cascade_from_json
from compsel.selection.policies.base import RowSelector
from compsel.selection.policies.cascade import CascadePolicy

if TYPE_CHECKING:
    from compsel.selection.dataset import SelectionDataset

__all__ = ["CertifiedPolicy"]

Floats = NDArray[np.float64]


class CertifiedPolicy(CascadePolicy):
    """A cascade at one operating point: it decides by the costs at which it was judged, not by those of now.

    A cascade that is planned anew under load stops elsewhere, and what was certified is where this one stops. Each
    variant still runs on the processor that is cheapest now. Where a call has a deadline, or a variant cannot run, what
    is left decides, and the certificate does not hold for that call.

    What it calls the probability that an answer is right is the one of agreeing with the reference network.

    Args:
        policy: what was learned.
        penalty: cost of a wrong answer, in the unit of the costs.
        costs: (n_variants,), of running each, by which it decides.
        reference_quality: of the reference network: share of its answers that are right; 1 where nobody knows.

    >>> from compsel.selection.cascade.decision_graph import Node
    >>> edges = {0: np.ones((1, 1)), 1: np.ones((1, 1))}
    >>> root = Node((), np.ones(0), np.zeros(0), 0.0, np.array([0.5]), edges)
    >>> alone = [Node((n,), np.ones(1), np.zeros(2), 0.0, np.array([right])) for n, right in enumerate((0.5, 0.9))]
    >>> policy = CertifiedPolicy(Cascade(("small", "big"), (root, *alone)), 20.0, np.array([1.0, 5.0]))
    >>> busy = np.array([1.0, 50.0])
    >>> policy.plan(busy, busy, np.inf).first(None), policy.plan_at(20.0, busy, busy, np.inf).first(None)
    (1, 0)
    """

    kind = "certified"

    def __init__(self, policy: Cascade, penalty: float, costs: Floats, reference_quality: float = 1.0) -> None:
        super().__init__(policy, penalty)
        self.costs = costs
        self.reference_quality = reference_quality

    def plan(self, costs: Floats, durations: Floats, limit: float) -> PlannedCascade:
        """Return the plan that was judged, as far as all variants may run within the limit."""
        return self.plan_at(self.penalty, np.where(np.isfinite(costs), self.costs, np.inf), durations, limit)

    def plan_for_quality(
        self,
        costs: Floats,
        durations: Floats,
        limit: float,
        min_quality: float | None,
        pause: Callable[[], None] | None = None,
    ) -> tuple[PlannedCascade, float | None]:
        """Return the plan that was judged, whatever quality is asked for, and the quality that it is expected to have.

        Whoever asks for more gets another policy. An answer that agrees is right as often as the reference is.
        """
        plan = self.plan(costs, durations, limit)
        return plan, self.reference_quality * plan.plan.expected_quality

    def walk(self, dataset: "SelectionDataset") -> Walk:
        """Return what the policy does with the samples of a dataset of its variants, whatever the dataset's costs."""
        return self.policy.walk(self.policy.plan(self.costs, self.penalty), dataset.evidence)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**super().to_dict(), "costs": self.costs.tolist(), "reference_quality": self.reference_quality}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], selectors: Mapping[str, RowSelector] | None = None) -> Self:
        """Read the JSON form.

        Raises:
            ValueError: content that does not fit together.
        """
        policy, costs = cascade_from_json(content), np.array(content["costs"], np.float64)
        if costs.shape != (len(policy.variants),) or not (np.isfinite(costs) & (costs > 0)).all():
            raise ValueError(f"certified: got costs {costs.tolist()}, allowed is one above 0 for each variant")
        numbers = {name: float(content[name]) for name in ("penalty", "reference_quality")}
        if not (0 < numbers["penalty"] < np.inf and 0 <= numbers["reference_quality"] <= 1):
            raise ValueError(f"certified: got {numbers}, allowed are a cost above 0, and a share")
        return cls(policy, numbers["penalty"], costs, numbers["reference_quality"])
