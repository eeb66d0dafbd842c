import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from compsel.errors import ProfileError, StorageError
from compsel.storage.parquet import opened_parquet, read_table, write_table
from compsel.storage.parquet_rows import ParquetRows

NUMBERS = st.sampled_from([np.int32, np.int64, np.uint8, np.float32, np.float64, bool])
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
IN_A_FOLDER = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def tables(draw):
    rows = draw(st.integers(0, 20))
    shape = st.just((rows,)) | st.integers(1, 5).map(lambda width: (rows, width))
    numbers = NUMBERS.flatmap(lambda dtype: arrays.arrays(dtype, shape))
    texts = st.lists(TEXT, min_size=rows, max_size=rows)
    return draw(st.dictionaries(TEXT.filter(bool), numbers | texts, min_size=1, max_size=5))


@IN_A_FOLDER
@given(tables(), st.dictionaries(TEXT.filter(lambda key: key != "ARROW:schema"), TEXT, max_size=4))
def test_round_trip(tmp_path, columns, metadata):
    write_table(tmp_path / "table.parquet", columns, metadata)
    got, said = read_table(tmp_path / "table.parquet")
    assert said == metadata
    assert list(got) == list(columns)
    for name, values in columns.items():
        if isinstance(values, list):
            assert got[name] == values
        else:
            assert (got[name].dtype, got[name].shape) == (values.dtype, values.shape)
            np.testing.assert_array_equal(got[name], values)


def a_table() -> dict:
    rng = np.random.default_rng(0)
    return {
        "sample": [f"sample {n}" for n in range(200)],
        "quality": rng.random(200).astype(np.float32),
        "classes": rng.integers(0, 1000, (200, 5)).astype(np.int32),
    }


@IN_A_FOLDER
@given(st.floats(0, 1, exclude_max=True))
def test_a_truncated_table_is_an_error(tmp_path, share):
    path = tmp_path / "table.parquet"
    write_table(path, a_table())
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ProfileError, match=r"table\.parquet: cannot be read as a Parquet table: measure it again"):
        read_table(path)


@IN_A_FOLDER
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_a_damaged_table_is_an_error_and_never_a_crash(tmp_path, place, bits):
    path = tmp_path / "table.parquet"
    write_table(path, a_table(), {"key": "value"})
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= bits
    path.write_bytes(content)
    try:
        columns, _ = read_table(path)
    except ProfileError:
        return
    # a flipped bit that no checksum covers: still a table
    assert all(len(values) == 200 for values in columns.values())


def test_no_table_and_a_folder(tmp_path):
    for path in (tmp_path / "absent.parquet", tmp_path):
        with pytest.raises(ProfileError, match="measure it again"):
            read_table(path)


def test_a_table_below_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="choose another place"):
        write_table(tmp_path / "file" / "table.parquet", a_table())


def test_rows_that_were_read_are_not_held(tmp_path):
    rows = 20_000
    columns = {f"x{number}": np.random.default_rng(number).random(400_000) for number in range(3)}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=rows)
    readers = (
        lambda: taken(ParquetRows(tmp_path / "t.parquet", list(columns), rows)),
        lambda: batches(tmp_path / "t.parquet", rows),
    )
    for reader in readers:
        before = pa.total_allocated_bytes()
        held = [pa.total_allocated_bytes() - before for _ in reader()]
        assert len(held) == 20
        assert max(held) < 6 * 8 * rows * len(columns)  # of 20 groups: packed and unpacked, and those read ahead


def taken(table):
    with table:
        while table.take(table.rows):
            yield


def batches(path, rows):
    with opened_parquet(path) as file:
        yield from (None for _ in file.iter_batches(rows))
