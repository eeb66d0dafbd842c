"""A boosted selector in memory: the kind that is trained on tables that do not fit, from many samples on."""

import numpy as np
import pytest

from compsel.building.training_tables import selection_dataset, trained_on
from compsel.profiling.profile import Profile
from compsel.profiling.stream import ProfileStream
from compsel.selection.dataset import SelectionDataset
from compsel.selection.objective import Objective
from compsel.selection.training.streaming.memory import MemoryLimit
from compsel.selection.training.trainers import BoostedTrainer
from compsel.selection.training.trainers.base import penalty_of
from tests.large_profiles import write_profile

OBJECTIVE = Objective(max_loss=None)


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> tuple[SelectionDataset, SelectionDataset, ProfileStream]:
    """What trains, what judges, and the table of what trains."""
    place = tmp_path_factory.mktemp("tables")
    write_profile(place / "p", 14_000, row_group=5000)
    whole = Profile.load(place / "p")
    write_profile(place / "train", 12_000, row_group=5000)
    dataset, _ = selection_dataset(whole)
    trains, _ = selection_dataset(Profile.load(place / "train"))
    return trains, dataset.take(np.arange(12_000, 14_000)), ProfileStream.open(place / "train")


def test_it_is_tried_from_many_samples_on(datasets: tuple[SelectionDataset, SelectionDataset, ProfileStream]) -> None:
    trains, few, _ = datasets
    assert BoostedTrainer().applies(trains)
    assert not BoostedTrainer().applies(few)
    assert not BoostedTrainer().applies(trains.among([0]))


def test_it_decides_as_well_as_on_a_table_that_does_not_fit(
    datasets: tuple[SelectionDataset, SelectionDataset, ProfileStream],
) -> None:
    trains, judges, stream = datasets
    penalty = penalty_of(judges, OBJECTIVE)
    streamed = trained_on(stream, OBJECTIVE, limit=MemoryLimit(500.0)).trained.fitted["boosted"]
    costs = [
        judges.outcome_of(fitted.policy).cost(penalty) for fitted in (BoostedTrainer().fit(trains, OBJECTIVE), streamed)
    ]
    more = costs[0] - costs[1]
    assert abs(more.mean()) < 3 * more.std() / len(more) ** 0.5 + 0.01 * costs[1].mean()
    assert costs[0].mean() < min(one.cost(penalty).mean() for one in judges.static().values())
