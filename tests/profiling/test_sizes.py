from dataclasses import replace

import numpy as np
import pytest

from compsel.errors import InputError, ProfileError
from compsel.inputs.samples import ArraySamples
from compsel.inputs.tensors import TENSORS
from compsel.processors import CpuProcessor
from compsel.profiling.choices import Choices
from compsel.profiling.latency import Criterion, measure_latency
from compsel.profiling.latency_table import read_latency
from compsel.profiling.size_table import read_sizes, write_sizes
from compsel.profiling.sizes import choose_sizes
from compsel.storage.parquet import read_table, write_table
from compsel.variants.writer import write_variant
from tests.reporters import Heard
from tests.sized_models import WIDTH, sequence, sequence_model, sequences

QUICK = Criterion(relative_half_width=0.5, min_runs=4, max_runs=8, budget_s=5.0)
LENGTHS = [4, 5, 6, 8, 10, 12, 200]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def variants(files):
    return [write_variant(sequence_model(name), files, "logits") for name in ("a", "b")]


def lengths(inputs):
    return {value["x"].shape[1] for value in inputs.values}


def measure(variants, files, folder, samples, states=("idle",)):
    heard = Heard()
    choices = Choices(variants, [CpuProcessor(1)], files)
    measure_latency(choices, states, samples, folder, QUICK, reporter=heard)
    return heard.loops


def test_sizes_reach_from_the_smallest_samples_to_the_largest_and_have_their_mean(variants):
    sizes = choose_sizes(variants, sequences(LENGTHS))
    assert sizes.unit == "elements" and sizes.sized_by == "a" + "/none" and sizes.all_choices
    assert 3 <= len(sizes.sizes) <= 5
    assert sizes.sizes[0] == pytest.approx(4 * WIDTH) and sizes.sizes[-1] == pytest.approx(200 * WIDTH)
    assert sizes.usual.size == pytest.approx(12 * WIDTH)  # the sample nearest to the mean, 35
    for inputs in (sizes.usual, *sizes.others):
        for value in inputs.values:
            assert TENSORS.size(value) == pytest.approx(inputs.size, rel=0.11)
    assert lengths(sizes.others[0]) == {4}  # a sample, and others cut to its length


def test_models_that_take_one_size_and_samples_of_one_size_have_none(variants, files):
    same = choose_sizes(variants, sequences([10, 10, 10]))
    assert same.sizes == () and np.isnan(same.usual.size) and lengths(same.usual) == {10}
    assert same.metadata == {}


def test_images_differ_in_what_all_choices_share(small_model, tmp_path):
    variants = [write_variant(small_model, tmp_path, "logits")]
    images = ArraySamples([np.zeros((60, 80, 3), np.uint8)] * 3)
    sizes = choose_sizes(variants, images)
    assert not sizes.all_choices and sizes.unit == "pixels"
    assert sizes.usual.size == 4800 and max(sizes.sizes) > 1e6
    measure(
        [*variants, write_variant(replace(small_model, name="big"), tmp_path, "logits")], tmp_path, tmp_path, images
    )
    by_size = read_latency(tmp_path).by_size()
    assert {size: len(rows) for size, rows in by_size.items()} == dict.fromkeys(sizes.sizes, 1) | {4800.0: 2}


def test_every_choice_is_measured_at_every_size(variants, files, tmp_path):
    measure(variants, files, tmp_path, sequences(LENGTHS))
    table = read_latency(tmp_path)
    sizes = choose_sizes(variants, sequences(LENGTHS))
    assert (table.unit, table.sized_by, table.usual_size) == ("elements", "a/none", sizes.usual.size)
    assert tuple(table.by_size()) == sizes.sizes
    assert all(len(rows) == 2 for rows in table.by_size().values())
    usual = table.by_choice()
    np.testing.assert_equal(usual, table.by_size()[table.usual_size])
    assert sum(map(len, usual.values())) == (table.size == table.usual_size).sum()


def test_sizes_that_serve_are_kept_and_others_measured_again(variants, files, tmp_path):
    assert measure(variants, files, tmp_path, sequences(LENGTHS)) == ["latency, idle"]
    before = read_latency(tmp_path)
    more = sequences([*LENGTHS, 11])
    assert measure(variants, files, tmp_path, more, ("idle", "busy:1")) == ["latency, busy:1"]
    table = read_latency(tmp_path)
    assert tuple(table.by_size()) == tuple(before.by_size()) and len(table.by_choice()) == 4
    longer = sequences([*LENGTHS, 500])
    assert measure(variants, files, tmp_path, longer, ("idle", "busy:1")) == ["latency, idle", "latency, busy:1"]


def test_tables_without_sizes_are_read_as_they_are(variants, files, tmp_path):
    measure(variants, files, tmp_path, sequences(LENGTHS))
    path = tmp_path / "latency" / "idle.parquet"
    columns, metadata = read_table(path)
    del columns["size"]
    old = {key: value for key, value in metadata.items() if key in ("state", "device", "load", "device_state")}
    write_table(path, columns, old)
    table = read_latency(tmp_path)
    assert np.isnan(table.size).all() and np.isnan(table.usual_size) and table.by_size() == {}
    assert sum(map(len, table.by_choice().values())) == len(table.latency_ms)
    assert measure(variants, files, tmp_path, sequences(LENGTHS), ("busy:1",)) == ["latency, busy:1"]
    both = read_latency(tmp_path)
    assert both.by_size() == {} and {state for *_, state in both.by_choice()} == {"idle", "busy:1"}
    busy, _ = read_table(tmp_path / "latency" / "busy-1.parquet")
    assert len(both.by_choice()["a/none", "cpu:1", "busy:1"]) < (np.array(busy["variant"]) == "a/none").sum()


def test_sizes_that_a_variant_does_not_take_are_left_out(variants, files, tmp_path, monkeypatch):
    def resized(value, size, model=None):
        return {"x": np.zeros((1, 3, WIDTH + 1), np.float32)}

    monkeypatch.setattr(TENSORS, "resized", resized)
    samples = ArraySamples([sequence(length, 0) for length in [10] * 20 + [14] * 2 + [200]])
    with pytest.raises(InputError):
        TENSORS.feeds(variants[0], resized(None, 1.0))
    measure(variants, files, tmp_path, samples)
    assert len(read_latency(tmp_path).by_size()) < len(choose_sizes(variants, samples).sizes)


def test_sizes_of_samples_are_stored_as_latencies_count(variants, files, tmp_path):
    samples = sequences(LENGTHS)
    write_sizes(tmp_path, samples, variants)
    assert read_sizes(tmp_path, samples.names) is None, "no latency was measured"
    measure(variants, files, tmp_path, samples)
    write_sizes(tmp_path, samples, variants)
    np.testing.assert_array_equal(read_sizes(tmp_path, samples.names), np.array(LENGTHS) * WIDTH)
    before = (tmp_path / "sizes.parquet").stat().st_mtime_ns
    write_sizes(tmp_path, samples, variants)
    assert (tmp_path / "sizes.parquet").stat().st_mtime_ns == before
    with pytest.raises(ProfileError, match="other samples"):
        read_sizes(tmp_path, samples.names[1:])
    write_sizes(tmp_path, samples, variants[1:])
    assert read_sizes(tmp_path, samples.names) is None, "who counted is not there"
