"""What a cascade does on samples that it was not trained on: at other costs, and trained on fewer samples."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.selection.cascade.decision_graph import Cascade
from compsel.selection.cascade.fitting import fit_cascade
from compsel.selection.dataset import SelectionDataset
from compsel.selection.training.folds import assign_folds

__all__ = ["HeldOut", "HeldOutCascades"]

_FOLDS = 5
_LEAST_TRAINING = 40  # samples: fewer say nothing, and no build takes fewer than 20


@dataclass(frozen=True)
class HeldOut:
    """What cascades did on samples that they were not trained on.

    Attributes:
        right: (n,), 1 where the answer is right.
        cost: (n,), of what ran.
        score: (n,), probability of being right, as the cascade saw it.

    >>> float(HeldOut(np.ones(2), np.array([1.0, 3.0]), np.ones(2)).cost.mean())
    2.0
    """

    right: NDArray[np.float64]
    cost: NDArray[np.float64]
    score: NDArray[np.float64]


class HeldOutCascades:
    """Cascades over given variants, each trained without a fold.

    Args:
        dataset: samples and variants.
        names: of the cascade's variants.
        max_stages: the most variants that may run for one input.
        extractor: whose features it uses; "": none.
    """

    def __init__(self, dataset: SelectionDataset, names: Sequence[str], max_stages: int, extractor: str = "") -> None:
        self.dataset = dataset.among([dataset.names.index(name) for name in names])
        self.max_stages, self.extractor = max_stages, extractor
        self.fold_of = assign_folds(len(dataset.targets), _FOLDS, dataset.groups)
        self._cascades = [self._fitted(np.flatnonzero(self.fold_of != fold)) for fold in range(_FOLDS)]

    def at(self, penalty: float, costs: NDArray[np.float64]) -> HeldOut:
        """Return what they do at costs (n_variants,) of running, and of a wrong answer."""
        rows = np.arange(len(self.fold_of))
        parts = [
            self._walk(cascade, rows[self.fold_of == fold], penalty, costs)
            for fold, cascade in enumerate(self._cascades)
        ]
        order = np.argsort(np.concatenate([rows[self.fold_of == fold] for fold in range(_FOLDS)]))
        return HeldOut(
            *(np.concatenate([getattr(one, name) for one in parts])[order] for name in ("right", "cost", "score"))
        )

    def trained_on_fewer(self, penalty: float) -> Iterator[tuple[int, list[HeldOut]]]:
        """Give, for half as many samples each time, the number that was trained on, and what each fold then shows."""
        generator = np.random.default_rng(0)
        training = [generator.permutation(np.flatnonzero(self.fold_of != fold)) for fold in range(_FOLDS)]
        tests = [np.flatnonzero(self.fold_of == fold) for fold in range(_FOLDS)]
        costs = self.dataset.costs_ms
        n = min(len(rows) for rows in training)
        whole = True
        while n >= _LEAST_TRAINING:
            cascades = self._cascades if whole else [self._fitted(np.sort(rows[:n])) for rows in training]
            pairs = zip(cascades, tests, strict=True)
            yield n, [self._walk(cascade, test, penalty, costs) for cascade, test in pairs]
            n, whole = n // 2, False

    def _fitted(self, rows: NDArray[np.intp]) -> Cascade:
        training = self.dataset.take(rows)
        return fit_cascade(
            training.names,
            training.evidence,
            training.targets,
            max_stages=self.max_stages,
            groups=training.groups,
            features=(self.extractor, training.features[self.extractor]) if self.extractor else None,
            unlabelled=training.unlabelled,
        )

    def _walk(self, cascade: Cascade, rows: NDArray[np.intp], penalty: float, costs: NDArray[np.float64]) -> HeldOut:
        test = self.dataset.take(rows)
        features = test.features[self.extractor] if self.extractor else None
        walk = cascade.walk(cascade.plan(costs, penalty), test.evidence, features)
        spent = walk.ran @ costs + (test.features_ms.get(self.extractor, 0.0) if self.extractor else 0.0)
        return HeldOut((walk.classes == test.targets).astype(np.float64), spent, walk.score)
