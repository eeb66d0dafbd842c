"""What is said to be exact is what the same table gives in memory."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from compsel.building.training_tables import selection_dataset
from compsel.errors import ProfileError
from compsel.profiling.profile import Profile
from compsel.profiling.stream import ProfileStream
from compsel.selection.training.portfolio import complementary, contenders, worth_trying
from compsel.selection.training.streaming.parts import JUDGING, TRAINING, TUNING, part_of
from compsel.selection.training.streaming.sampling import drawn
from compsel.selection.training.streaming.shortlist import shortlists
from compsel.selection.training.streaming.table_statistics import TableStatistics
from tests.large_profiles import change_header, write_profile

N = 3000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("large") / "profile"
    write_profile(place, N, row_group=700, group_of=3)
    return place


@pytest.fixture(scope="module")
def parts(folder):
    return np.concatenate([part_of(rows) for rows in ProfileStream.open(folder).batches([])])


def test_sums_are_those_of_the_table_in_memory(folder, parts):
    dataset, _ = selection_dataset(Profile.load(folder))
    found = TableStatistics.gather(ProfileStream.open(folder))
    assert found.n.tolist() == [int((parts == part).sum()) for part in range(3)]
    np.testing.assert_array_equal(found.right.sum(axis=0), dataset.quality.sum(axis=0))
    np.testing.assert_array_equal(found.both_right.sum(axis=0), dataset.quality.T @ dataset.quality)
    np.testing.assert_allclose(found.quality(), dataset.quality.mean(axis=0), rtol=1e-15)
    judged = dataset.take(np.flatnonzero(parts == JUDGING))
    np.testing.assert_array_equal(found.right[JUDGING], judged.quality.sum(axis=0))


def test_variants_worth_trying_are_those_found_in_memory(folder, parts):
    dataset, _ = selection_dataset(Profile.load(folder))
    found = TableStatistics.gather(ProfileStream.open(folder))
    kept = worth_trying(found.quality(), dataset.costs_ms, dataset.most_accurate, found.beaten)
    assert kept == contenders(dataset)
    training = dataset.take(np.flatnonzero(parts == TRAINING))
    for number in range(len(dataset.names)):
        others = [other for other in range(len(dataset.names)) if other != number]
        gains = training.quality[:, others] - training.quality[:, [number]]
        beaten = (gains.mean(axis=0) > gains.std(axis=0) / np.sqrt(len(gains))).any()
        assert found.beaten(number, others, TRAINING) == beaten


@pytest.mark.parametrize("penalty", [0.5, 20.0, 300.0])
def test_the_shortlist_is_the_one_found_in_memory(folder, parts, penalty):
    dataset, _ = selection_dataset(Profile.load(folder))
    training = dataset.take(np.flatnonzero(parts == TRAINING))
    stream = ProfileStream.open(folder)
    statistics = TableStatistics.gather(stream)
    found = shortlists(stream, statistics, dataset.names, dataset.costs_ms, [penalty, 7.0], 5)
    assert found == [complementary(training, one, 5) for one in (penalty, 7.0)]


def test_samples_of_a_group_are_in_one_part(folder, parts):
    groups = np.array(Profile.load(folder).groups)
    for group in np.unique(groups):
        assert len(set(parts[groups == group].tolist())) == 1
    shares = np.bincount(parts) / N
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.03)


def draw(folder, sizes):
    stream = ProfileStream.open(folder)
    statistics = TableStatistics.gather(stream)
    rows = drawn(stream, statistics.rightness, stream.profile.names[:3], sizes)
    names = np.concatenate([one.names.to_numpy(zero_copy_only=False) for one in stream.batches([])])
    return [set(names[one]) for one in rows], rows


def test_the_same_samples_are_drawn_whatever_the_order_and_groups_of_rows(tmp_path):
    write_profile(tmp_path / "a", N, row_group=64)
    write_profile(tmp_path / "b", N, row_group=100_000, reverse=True)
    sizes = [(TRAINING, 400), (JUDGING, 100)]
    (one, _), (other, _) = draw(tmp_path / "a", sizes), draw(tmp_path / "b", sizes)
    assert [len(names) for names in one] == [400, 100]
    assert one == other


def test_a_draw_has_as_many_of_each_stratum_as_is_its_share(folder, parts):
    (_, (rows, judging, all_of_tuning)) = draw(folder, [(TRAINING, 500), (JUDGING, 100), (TUNING, 10_000)])
    assert set(parts[rows]) == {TRAINING}
    assert set(parts[judging]) == {JUDGING}
    np.testing.assert_array_equal(all_of_tuning, np.flatnonzero(parts == TUNING))
    quality = Profile.load(folder).quality[:, :3]
    patterns = quality @ [1, 2, 4]
    for pattern in range(8):
        share = (patterns[parts == TRAINING] == pattern).mean()
        assert abs((patterns[rows] == pattern).sum() - 500 * share) <= 1


def test_answers_without_class_scores_are_right_where_they_are_good_enough(folder, tmp_path):
    write_profile(tmp_path / "p", 200)
    stream = ProfileStream.open(tmp_path / "p")
    assert TableStatistics.gather(stream).rightness.good_enough is None
    judging = {"quality": "fidelity", "confidence": "generic", "good_enough": 1.1, "reference": "", "error": ""}
    change_header(tmp_path / "p", judging=judging)
    assert TableStatistics.gather(ProfileStream.open(tmp_path / "p")).right.sum() == 0


def test_only_samples_with_labels_count_where_there_are_enough(tmp_path):
    write_profile(tmp_path / "p", 1000)
    unlabel(tmp_path / "p", 400)
    whole, _ = selection_dataset(Profile.load(tmp_path / "p"))
    found = TableStatistics.gather(ProfileStream.open(tmp_path / "p"))
    assert int(found.n.sum()) == len(whole.targets) == 600
    np.testing.assert_array_equal(found.right.sum(axis=0), whole.quality.sum(axis=0))
    unlabel(tmp_path / "p", 980)
    with pytest.raises(ProfileError, match="20 of 1,000 samples have labels"):
        TableStatistics.gather(ProfileStream.open(tmp_path / "p"))


def unlabel(folder, n):
    for path in (folder / "quality").iterdir():
        table = pq.read_table(path)
        labels = table["label"].to_numpy().copy()
        labels[:n] = -1
        place = table.column_names.index("label")
        pq.write_table(table.set_column(place, "label", [labels]), path)
