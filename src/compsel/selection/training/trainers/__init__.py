"""What trains each kind of policy, one a file.

Adding a selector: a file in `compsel.selection.selectors`, and a line here. Adding a policy: a file with its
trainer, and a line here.
"""

from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.training.trainers.base import FittedPolicy, PolicyTrainer
from compsel.selection.training.trainers.boosted import BoostedTrainer
from compsel.selection.training.trainers.cascade import CascadeTrainer
from compsel.selection.training.trainers.selectors import PremodelTrainer, SelectorTrainer
from compsel.selection.training.trainers.single_best import SingleBestTrainer

__all__ = [
    "BoostedTrainer",
    "CascadeTrainer",
    "FittedPolicy",
    "PolicyTrainer",
    "PremodelTrainer",
    "SelectorTrainer",
    "SingleBestTrainer",
    "all_trainers",
    "default_trainers",
]


def default_trainers(reject_option: RejectOption | None = None) -> tuple[PolicyTrainer, ...]:
    """Return the kinds that a build tries: those that have won somewhere, and the premodel to compare with.

    The others lost on both objectives of `training_data/` (`benchmarks/RESULTS.md`, "Selectors"). The boosted selector
    is tried from ten thousand samples on, as on tables that do not fit memory.
    """
    return (
        SingleBestTrainer(),
        CascadeTrainer(reject_option=reject_option),
        SelectorTrainer("cost-sensitive", "cost_sensitive.CostSensitiveSelector"),
        PremodelTrainer(),
        BoostedTrainer(),
    )


def all_trainers(reject_option: RejectOption | None = None) -> tuple[PolicyTrainer, ...]:
    """Return every kind of policy, for comparisons of methods."""
    return (
        *default_trainers(reject_option),
        SelectorTrainer("classifier", "classification.CostSensitiveClassifier"),
        SelectorTrainer("pairwise", "pairwise.PairwiseSelector"),
        SelectorTrainer("regression", "regression.CostRegression"),
        SelectorTrainer("neighbours", "neighbours.NeighbourSelector"),
    )
