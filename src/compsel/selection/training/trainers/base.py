"""The interface of policy trainers: what trains one kind of policy on a dataset."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.policies import Policy
from compsel.selection.training.non_inferiority import QualityFloor
from compsel.selection.training.portfolio import Addition

__all__ = ["PENALTY_IN_INFERENCES", "FittedPolicy", "PolicyTrainer", "floor_of", "penalty_of"]

#: a wrong answer costs as much as so many inferences of the most accurate network, unless the objective says otherwise
PENALTY_IN_INFERENCES = 10.0


def penalty_of(dataset: SelectionDataset, objective: Objective) -> float:
    """Return the cost of a wrong answer (ms)."""
    return objective.penalty or PENALTY_IN_INFERENCES * float(dataset.costs_ms[dataset.most_accurate])


def floor_of(dataset: SelectionDataset, objective: Objective) -> QualityFloor:
    """Return what the objective demands on these samples."""
    return QualityFloor(objective, dataset.quality[:, dataset.most_accurate], dataset.groups)


@dataclass(frozen=True)
class FittedPolicy:
    """A trained policy.

    Attributes:
        policy: what an app runs.
        portfolio: how its variants were chosen, for policies that choose them.
        selectors: exported selectors (ONNX bytes) by file name.
    """

    policy: Policy
    portfolio: tuple[Addition, ...] = ()
    selectors: dict[str, bytes] = field(default_factory=dict)


class PolicyTrainer(ABC):
    """Trains one kind of policy.

    Attributes:
        name: the word in comparisons.
    """

    name: str

    @abstractmethod
    def fit(self, dataset: SelectionDataset, objective: Objective) -> FittedPolicy:
        """Train on all samples of the dataset."""

    def applies(self, dataset: SelectionDataset) -> bool:
        """Whether the dataset has what this kind needs."""
        return True
