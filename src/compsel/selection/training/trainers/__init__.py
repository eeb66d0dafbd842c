"""What trains each kind of policy, one a file.

Adding a selector: a file in `compsel.selection.classifiers`, and a line here. Adding a policy: a file with its trainer, and
a line here.
"""

from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.training.trainers.base import FittedPolicy, PolicyTrainer
from compsel.selection.training.trainers.cascade import CascadeTrainer
from compsel.selection.training.trainers.selectors import PremodelTrainer, SelectorTrainer
from compsel.selection.training.trainers.single_best import SingleBestTrainer

__all__ = [
    "CascadeTrainer",
    "FittedPolicy",
    "PolicyTrainer",
    "PremodelTrainer",
    "SelectorTrainer",
    "SingleBestTrainer",
    "default_trainers",
]


def default_trainers(reject_option: RejectOption | None = None) -> tuple[PolicyTrainer, ...]:
    """Return every kind of policy that is tried; the cascade rejects as it is told to."""
    return (
        SingleBestTrainer(),
        CascadeTrainer(reject_option=reject_option),
        SelectorTrainer("cost-sensitive", "cost_sensitive.CostSensitiveSelector"),
        SelectorTrainer("classifier", "classification.CostSensitiveClassifier"),
        SelectorTrainer("pairwise", "pairwise.PairwiseSelector"),
        SelectorTrainer("regression", "regression.CostRegression"),
        SelectorTrainer("neighbours", "neighbours.NeighbourSelector"),
        PremodelTrainer(),
    )
