"""Trains the policy that never changes: the best static choice."""

import numpy as np

from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.policies import FixedPolicy
from compsel.selection.training.trainers.base import FittedPolicy, PolicyTrainer, floor_of, penalty_of

__all__ = ["SingleBestTrainer"]


class SingleBestTrainer(PolicyTrainer):
    """The choice that never changes: least cost among those that meet the floor."""

    name = "single best"
    honours_floor = True

    def fit(self, dataset: SelectionDataset, objective: Objective) -> FittedPolicy:
        """Choose on the means."""
        penalty, floor = penalty_of(dataset, objective), floor_of(dataset, objective)
        quality = dataset.quality.mean(axis=0)
        cost = dataset.costs_ms + penalty * (1.0 - quality)
        good = quality >= floor - 1e-9
        best = int(np.argmin(np.where(good, cost, np.inf))) if good.any() else int(np.argmax(quality))
        return FittedPolicy(FixedPolicy(dataset.names[best]))
