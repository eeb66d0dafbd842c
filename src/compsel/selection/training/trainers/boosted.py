"""Trains a boosted selector over features of the input where there are samples enough for it."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.selectors.base import FeatureMatrix
from compsel.selection.training.folds import assign_folds
from compsel.selection.training.portfolio import complementary
from compsel.selection.training.trainers.base import FittedPolicy, PolicyTrainer, penalty_of
from compsel.selection.training.trainers.boosting import BOOSTED, EXTRACTOR, BoostingTable, train_boosted
from compsel.selection.training.trainers.selectors import PENALTIES, SHORTLIST

__all__ = ["BoostedTrainer"]

_FEWEST = 10_000
_TUNING_FOLDS = 10


class BoostedTrainer(PolicyTrainer):
    """The kind that is trained on tables that do not fit memory, on those that do: nine tenths train, one tunes.

    With fewer samples than ten thousand what trees predict is too noisy for costs to be compared.

    >>> BoostedTrainer().name
    'boosted'
    """

    name = BOOSTED

    def applies(self, dataset: SelectionDataset) -> bool:
        """Needs features, a choice, and many samples."""
        return EXTRACTOR in dataset.features and len(dataset.names) > 1 and len(dataset.targets) >= _FEWEST

    def fit(self, dataset: SelectionDataset, objective: Objective) -> FittedPolicy:
        """Train on shortlists of variants at several costs of a wrong answer, tuned on samples that do not train."""
        tunes = assign_folds(len(dataset.targets), _TUNING_FOLDS, dataset.groups) == 0
        training, tuning = dataset.take(np.flatnonzero(~tunes)), dataset.take(np.flatnonzero(tunes))
        penalty = penalty_of(training, objective)
        penalties = [penalty, *(penalty * factor for factor in PENALTIES if objective.has_floor)]
        lists = [tuple(complementary(training, one, SHORTLIST)) for one in penalties]
        return train_boosted(_TableInMemory(training), lists, penalty, objective, tuning)


class _TableInMemory(BoostingTable):
    def __init__(self, dataset: SelectionDataset) -> None:
        self._dataset = dataset
        self.names, self.costs = dataset.names, dataset.costs_ms
        self.n, self.n_features = dataset.features[EXTRACTOR].shape
        self.n_batches = 1

    def quality(self) -> NDArray[np.float64]:
        return np.asarray(self._dataset.quality.mean(axis=0))

    def rows(self, columns: Sequence[int]) -> Iterator[tuple[FeatureMatrix, NDArray[np.float32]]]:
        yield self._dataset.features[EXTRACTOR], self._dataset.quality[:, list(columns)].astype(np.float32)
