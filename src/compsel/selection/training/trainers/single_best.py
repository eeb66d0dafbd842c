"""Trains the policy that never changes: the best static choice."""

import numpy as np

from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from compsel.selection.training.trainers.base import FittedPolicy, PolicyTrainer, floor_of, penalty_of

__all__ = ["SingleBestTrainer"]


class SingleBestTrainer(PolicyTrainer):
    """The choice that never changes: least cost among those that keep the floor; else the most accurate network.

    That one keeps the floor by definition, unless an absolute quality is demanded.
    """

    name = "single best"

    def fit(self, dataset: SelectionDataset, objective: Objective) -> FittedPolicy:
        """Choose on the samples, by the rule that holds for every kind of policy."""
        penalty, floor = penalty_of(dataset, objective), floor_of(dataset, objective)
        quality = dataset.quality.mean(axis=0)
        cost = dataset.costs_ms if objective.has_floor else dataset.costs_ms + penalty * (1.0 - quality)
        missing = np.array([floor.missing(column) for column in dataset.quality.T])
        if objective.min_quality is None:
            missing[dataset.most_accurate] = 0.0
        best = int(np.lexsort((cost, missing))[0])
        return FittedPolicy(FixedPolicy(dataset.names[best]))
