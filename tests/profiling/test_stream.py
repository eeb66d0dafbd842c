"""A profile that is read in batches has what the same profile has in memory."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from compsel.errors import ProfileError
from compsel.profiling.name_hashes import name_hashes
from compsel.profiling.profile import Profile
from compsel.profiling.stream import ProfileStream
from compsel.profiling.stream_check import check_alike
from compsel.profiling.stream_gathering import gathered
from compsel.storage.parquet import ROW_GROUP_ROWS, write_table
from tests.large_profiles import MEASURED, write_profile


@pytest.mark.parametrize("row_group", [70, 1000])
def test_batches_hold_the_rows_of_the_table_in_order(tmp_path, row_group):
    write_profile(tmp_path / "p", 500, row_group=row_group, group_of=3)
    whole, stream = Profile.load(tmp_path / "p"), ProfileStream.open(tmp_path / "p")
    found = list(stream.batches(evidence=True, features=stream.feature_names, rows=64))
    assert (stream.n_samples, stream.profile.names) == (500, whole.names)
    assert [one.start for one in found] == list(range(0, 500, 64))
    assert tuple(name for one in found for name in one.names.to_pylist()) == whole.samples
    assert tuple(name for one in found for name in one.groups.to_pylist()) == whole.groups
    np.testing.assert_array_equal(np.concatenate([one.quality for one in found]), whole.quality)
    np.testing.assert_array_equal(np.concatenate([one.features for one in found]), whole.features)
    np.testing.assert_array_equal(np.concatenate([one.labels for one in found]), whole.labels)
    for column, evidence in enumerate(whole.evidence):
        classes = np.concatenate([one.evidence[column].classes for one in found])
        np.testing.assert_array_equal(classes, evidence.classes)


def test_some_variants_and_some_features_only(tmp_path):
    write_profile(tmp_path / "p", 100)
    stream = ProfileStream.open(tmp_path / "p")
    names, features = stream.profile.names[2:4], stream.feature_names[1:2]
    (rows,) = stream.batches(names, features=features)
    assert (rows.quality.shape, rows.features.shape, rows.evidence) == ((100, 2), (100, 1), ())


def test_drawn_rows_are_a_profile_in_memory(tmp_path):
    write_profile(tmp_path / "p", 300, row_group=70, group_of=2)
    whole, stream = Profile.load(tmp_path / "p"), ProfileStream.open(tmp_path / "p")
    rows = np.array([3, 64, 69, 70, 299])
    found, wanted = gathered(stream, rows, stream.profile.names[:2]), whole.take(rows).among(whole.names[:2])
    assert (found.samples, found.groups, found.names) == (wanted.samples, wanted.groups, wanted.names)
    for name in ("labels", "quality", "features"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    np.testing.assert_array_equal(found.evidence[1].probabilities, wanted.evidence[1].probabilities)
    assert gathered(stream, rows, stream.profile.names, evidence=False).evidence == ()


def test_tables_of_other_samples_are_refused(tmp_path):
    write_profile(tmp_path / "p", 100)
    path = next((tmp_path / "p" / "quality").glob("*lite1_none*"))
    table, metadata = pq.read_table(path), pq.read_schema(path).metadata
    names = [*table["sample"].to_pylist()[:-1], "another.png"]
    other = table.set_column(0, "sample", pa.array(names))
    pq.write_table(other.replace_schema_metadata(metadata), path)
    check_alike(ProfileStream.open(MEASURED))
    with pytest.raises(ProfileError, match="of other samples"):
        check_alike(ProfileStream.open(tmp_path / "p"))
    labels = table.set_column(1, "label", pa.array(np.arange(100)))
    pq.write_table(labels.replace_schema_metadata(metadata), path)
    with pytest.raises(ProfileError, match="has other labels"):
        check_alike(ProfileStream.open(tmp_path / "p"))
    pq.write_table(table.slice(0, 90).replace_schema_metadata(metadata), path)
    with pytest.raises(ProfileError, match="has 90 samples"):
        ProfileStream.open(tmp_path / "p")


def test_a_table_that_changes_while_it_is_read_is_refused(tmp_path):
    write_profile(tmp_path / "p", 100)
    stream = ProfileStream.open(tmp_path / "p")
    write_table(tmp_path / "p" / "features.parquet", {"sample": ["a"]})
    with pytest.raises(ProfileError, match="changed while it was read"):
        list(stream.batches(features=stream.feature_names))


def test_a_damaged_page_is_an_error_of_ours(tmp_path):
    write_profile(tmp_path / "p", 4000, row_group=500)
    stream = ProfileStream.open(tmp_path / "p")
    path = tmp_path / "p" / "features.parquet"
    data = bytearray(path.read_bytes())
    chunk = pq.ParquetFile(path).metadata.row_group(4).column(5)
    data[chunk.data_page_offset : chunk.data_page_offset + chunk.total_compressed_size] = b"\xff" * (
        chunk.total_compressed_size
    )
    path.write_bytes(data)
    with pytest.raises(ProfileError, match=r"features.parquet"):
        list(ProfileStream.open(tmp_path / "p").batches(features=stream.feature_names))


def test_hashes_depend_on_the_text_alone():
    texts = ["", "a", "b", "12345678", "123456789", "ä" * 20, "123456789\0"]
    alone = [int(name_hashes(pa.array([text]))[0]) for text in texts]
    assert name_hashes(pa.array(texts)).tolist() == alone
    assert name_hashes(pa.array(texts)[2:5]).tolist() == alone[2:5]
    assert len(set(alone)) == len(texts)
    many = name_hashes(pa.array([str(number) for number in range(20_000)]))
    assert abs(np.bincount((many % np.uint64(10)).astype(int)) - 2000).max() < 200


def test_tables_are_written_in_groups_of_bounded_size(tmp_path):
    write_table(tmp_path / "t.parquet", {"x": np.zeros(ROW_GROUP_ROWS + 1, np.int8)})
    assert pq.ParquetFile(tmp_path / "t.parquet").metadata.num_row_groups == 2
