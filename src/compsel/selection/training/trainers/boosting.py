"""Trains a boosted selector over features on a table of any size, and tunes it on samples that did not train it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compsel.progress import SILENT, Reporter
from compsel.selection.dataset import SelectionDataset
from compsel.selection.export.onnx_selector import ExportedSelector
from compsel.selection.export.to_onnx import check_same, to_onnx
from compsel.selection.objective import Objective
from compsel.selection.policies import SelectingPolicy
from compsel.selection.selectors.base import FeatureMatrix, check_features
from compsel.selection.selectors.boosted import BoostedRegression, boosted, boosting_features
from compsel.selection.selectors.tree_table import TreeTable
from compsel.selection.training.trainers.base import FittedPolicy, floor_of

__all__ = ["BOOSTED", "EXTRACTOR", "BoostingTable", "train_boosted"]

BOOSTED = "boosted"
EXTRACTOR = "image"
# costs of a wrong answer that are tried, as multiples of the objective's
_FACTORS = tuple(float(factor) for factor in np.geomspace(0.3, 30.0, 13))


class BoostingTable(ABC):
    """The training samples, given in batches as often as they are asked for.

    Attributes:
        names: (n_variants,).
        costs: (n_variants,), of running each.
        n: training samples.
        n_features: of each.
        n_batches: that they come in.
    """

    names: tuple[str, ...]
    costs: NDArray[np.float64]
    n: int
    n_features: int
    n_batches: int

    @abstractmethod
    def quality(self) -> NDArray[np.float64]:
        """Return the mean quality (n_variants,) of every variant."""

    @abstractmethod
    def rows(self, columns: Sequence[int]) -> Iterator[tuple[FeatureMatrix, NDArray[np.float32]]]:
        """Give the samples in batches: features (m, n_features), and how right some variants are (m, n_columns)."""


# many parameters: the table, what is wanted, and what it is tuned on
def train_boosted(
    table: BoostingTable,
    shortlists: Sequence[tuple[int, ...]],
    penalty: float,
    objective: Objective,
    tuning: SelectionDataset,
    reporter: Reporter = SILENT,
) -> FittedPolicy:
    """Train on every training sample, tune on others, export, and check the export on every training sample.

    What is learned is how probably each variant is right. The cost that is expected of it follows for every cost of a
    wrong answer: these are tuned without training again.

    Args:
        table: to train on.
        shortlists: columns of variants among which may be chosen.
        penalty: cost of a wrong answer.
        objective: what is wanted.
        tuning: samples that are not trained on, with all variants of the table.
        reporter: hears how far it is.

    Raises:
        ProfileError: the table is damaged.
        SelectorError: the exported selector decides otherwise than the trained one: a defect.
    """
    columns = sorted({column for shortlist in shortlists for column in shortlist})
    mean = table.quality()[columns]

    def batches() -> Iterator[tuple[FeatureMatrix, NDArray[np.float32]]]:
        for features, right in table.rows(columns):
            yield boosting_features(features), right - mean.astype(np.float32)

    trees = boosted(batches, table.n, reporter=reporter)
    places = {column: place for place, column in enumerate(columns)}
    features = check_features(tuning.features[EXTRACTOR], BOOSTED)
    surplus = trees(dict(enumerate(range(len(columns))))).evaluate(features)
    tuned = [
        _tried(tuning, objective, shortlist, penalty * factor, (mean + surplus)[:, [places[one] for one in shortlist]])
        for shortlist in dict.fromkeys(shortlists)
        for factor in _FACTORS
    ]
    best = min(tuned, key=lambda one: one.rank(objective, penalty))
    chosen = [places[column] for column in best.shortlist]
    grown = trees({output: column for column, output in enumerate(chosen)})
    costs = table.costs[list(best.shortlist)]
    scores = grown.weighted(-best.penalty).shifted(costs + best.penalty * (1.0 - mean[chosen]))
    return _exported(table, best.shortlist, scores, reporter)


@dataclass(frozen=True)
class _Tried:
    shortlist: tuple[int, ...]
    penalty: float
    missing: float
    latency_ms: float
    quality: float

    def rank(self, objective: Objective, penalty: float) -> tuple[float, float]:
        if objective.has_floor:
            return self.missing, self.latency_ms
        return 0.0, self.latency_ms + penalty * (1.0 - self.quality)


def _tried(
    tuning: SelectionDataset,
    objective: Objective,
    shortlist: tuple[int, ...],
    penalty: float,
    probability: NDArray[np.float64],
) -> _Tried:
    """Return what choosing at a cost of a wrong answer reaches on samples that were not trained on."""
    columns, rows = np.array(shortlist), np.arange(len(probability))
    chosen = columns[(tuning.costs_ms[columns] + penalty * (1.0 - probability)).argmin(axis=1)]
    quality = tuning.quality[rows, chosen]
    latency_ms = float(tuning.costs_ms[chosen].mean())
    missing = floor_of(tuning, objective).missing(quality)
    return _Tried(shortlist, penalty, missing, latency_ms, float(quality.mean()))


def _exported(table: BoostingTable, shortlist: tuple[int, ...], scores: TreeTable, reporter: Reporter) -> FittedPolicy:
    selector = BoostedRegression.of_table(scores, table.n_features)
    data = to_onnx(selector)
    exported = ExportedSelector(data)
    for features, _ in reporter.track(table.rows([]), "checking the exported selector", table.n_batches):
        if len(features):
            check_same(selector, exported, check_features(features, BOOSTED))
    file = f"selectors/{BOOSTED}.onnx"
    names = [table.names[column] for column in shortlist]
    return FittedPolicy(SelectingPolicy(names, exported, file, EXTRACTOR), selectors={file: data})
