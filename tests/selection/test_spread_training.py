"""Training by workers: the same comparison and the same policies as in one process."""

from collections.abc import Iterator

import numpy as np
import pytest

from compsel.parallel.backend import Backend
from compsel.parallel.engines.joblib_processes import end_processes
from compsel.selection.training.comparison import train
from compsel.selection.training.trainers import CascadeTrainer, PolicyTrainer, SingleBestTrainer
from compsel.selection.training.trainers.selectors import SelectorTrainer
from tests.selection.simulated import simulated_dataset

TRAINERS: tuple[PolicyTrainer, ...] = (
    SingleBestTrainer(),
    CascadeTrainer(),
    SelectorTrainer("neighbours", "neighbours.NeighbourSelector"),
)


@pytest.fixture(autouse=True, scope="module")
def _no_processes_stay() -> Iterator[None]:
    yield
    end_processes()


def test_the_same_for_any_number_of_processes() -> None:
    dataset = simulated_dataset(200)
    one, two, four = (train(dataset, trainers=TRAINERS, backend=Backend.local(jobs)) for jobs in (1, 2, 4))
    for other in (two, four):
        assert other.comparison.scores == one.comparison.scores
        assert other.comparison.winner == one.comparison.winner
        for name, outcome in one.comparison.outcomes.items():
            np.testing.assert_array_equal(outcome.quality, other.comparison.outcomes[name].quality)
        for name, fitted in one.fitted.items():
            assert fitted.selectors == other.fitted[name].selectors
            assert fitted.policy.to_dict() == other.fitted[name].policy.to_dict()
