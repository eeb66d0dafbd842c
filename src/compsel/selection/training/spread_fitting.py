"""Train policies where a backend says: every kind without every fold, and on all samples."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from compsel.parallel.backend import Backend
from compsel.parallel.shards import shard_name
from compsel.parallel.task import ParallelTask, Work
from compsel.progress import Reporter
from compsel.selection.dataset import Outcome, SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.training.kept_files import OUTCOMES, POLICIES
from compsel.selection.training.kept_fits import KEPT_NOWHERE, KeptFits
from compsel.selection.training.trainers import FittedPolicy, PolicyTrainer

__all__ = ["fit_all", "out_of_fold"]

# what all fits share: dataset, objective, trainers, and the fold of each sample
Shared = tuple[SelectionDataset, Objective, tuple[PolicyTrainer, ...], NDArray[np.integer]]


# many parameters: what is trained on which folds, and where
def out_of_fold(
    dataset: SelectionDataset,
    objective: Objective,
    trainers: Sequence[PolicyTrainer],
    fold_of: NDArray[np.integer],
    backend: Backend,
    reporter: Reporter,
    kept: KeptFits = KEPT_NOWHERE,
) -> dict[str, list[Outcome]]:
    """Train every kind without each fold.

    Args:
        dataset: all samples.
        objective: what is wanted.
        trainers: the kinds.
        fold_of: (n,) fold of each sample.
        backend, reporter: see `compsel.parallel.running.run_tasks`.
        kept: where what a fold gave stays, so that an interrupted training goes on.

    Returns:
        By kind and fold that was left out, what the trained policy gives for all samples.
    """
    shared: Shared = (dataset, objective, tuple(trainers), fold_of)
    folds = int(fold_of.max()) + 1
    common, known = kept.digest(dataset, objective, fold_of), [kept.digest(trainer) for trainer in trainers]
    tasks = [
        ParallelTask(
            shard_name("fold", common, fold, number, known[number]),
            f"fold {fold + 1} of {folds}, {trainer.name}",
            (fold, number),
        )
        for fold in range(folds)
        for number, trainer in enumerate(trainers)
    ]
    given = kept.run(Work(_without_fold, shared), tasks, OUTCOMES, backend, reporter, "cross-validation")
    return {trainer.name: given[number :: len(trainers)] for number, trainer in enumerate(trainers)}


def fit_all(
    dataset: SelectionDataset,
    objective: Objective,
    trainers: Sequence[PolicyTrainer],
    backend: Backend,
    reporter: Reporter,
    kept: KeptFits = KEPT_NOWHERE,
) -> dict[str, FittedPolicy]:
    """Train every kind on all samples; see `out_of_fold`."""
    shared: Shared = (dataset, objective, tuple(trainers), np.empty(0, np.int64))
    common = kept.digest(dataset, objective)
    tasks = [
        ParallelTask(
            shard_name("policy", common, number, kept.digest(trainer)), f"{trainer.name} on all samples", (number,)
        )
        for number, trainer in enumerate(trainers)
    ]
    fitted = kept.run(Work(_on_all, shared), tasks, POLICIES, backend, reporter, "training on all samples")
    return {trainer.name: one for trainer, one in zip(trainers, fitted, strict=True)}


def _without_fold(shared: Shared, fold: int, number: int) -> Outcome:
    dataset, objective, trainers, fold_of = shared
    training = dataset.take(np.flatnonzero(fold_of != fold))
    return dataset.outcome_of(trainers[number].fit(training, objective).policy)


def _on_all(shared: Shared, number: int) -> FittedPolicy:
    dataset, objective, trainers, _ = shared
    return trainers[number].fit(dataset, objective)
