import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.errors import ProfileError
from compsel.inputs.samples import ArraySamples
from compsel.processors import CpuProcessor
from compsel.profiling import latency
from compsel.profiling.choices import Choices
from compsel.profiling.latency import Criterion, measure_latency
from compsel.profiling.latency_table import read_latency
from compsel.storage.parquet import read_table
from compsel.techniques import parse
from compsel.variants.writer import write_variant
from tests.reporters import Heard, Interrupts

QUICK = Criterion(relative_half_width=0.5, min_runs=4, max_runs=8, budget_s=5.0)
IMAGES = ArraySamples([np.full((70, 70, 3), 40 * n, np.uint8) for n in range(5)])


@pytest.fixture(scope="module")
def files(small_model, tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def variants(small_model, files):
    lower = parse("resolution:48").apply(small_model, None)
    return [write_variant(model, files, "logits") for model in (small_model, lower)]


def run(variants, files, folder, states=("idle",), processors=(1,), criterion=QUICK, **options):
    where = [CpuProcessor(threads) for threads in processors]
    measure_latency(Choices(variants, where, files), states, IMAGES, folder, criterion, **options)


@given(st.lists(st.floats(0.01, 1000), min_size=2, max_size=30), st.floats(0.01, 1.0))
def test_known_well_enough_is_what_the_confidence_interval_says(latencies, share):
    half_width = 1.96 * statistics.stdev(latencies) / len(latencies) ** 0.5
    criterion = Criterion(relative_half_width=share, min_runs=2, max_runs=1000)
    assert criterion.met(latencies) == (half_width < share * statistics.fmean(latencies))


def test_fewer_runs_are_never_enough_and_more_always():
    criterion = Criterion(min_runs=4, max_runs=6)
    assert not criterion.met([])
    assert not criterion.met([1.0] * 3)
    assert criterion.met([1.0] * 4)
    assert not criterion.met([1.0, 9.0] * 2)
    assert criterion.met([1.0, 9.0] * 3)


@pytest.mark.parametrize(
    "fields",
    [
        {"relative_half_width": 0},
        {"min_runs": 1},
        {"min_runs": 9, "max_runs": 8},
        {"budget_s": 0},
        {"budget_s": np.nan},
    ],
)
def test_a_criterion_that_nothing_meets(fields):
    with pytest.raises(ProfileError, match="allowed are"):
        Criterion(**fields)


def test_every_timed_run_is_in_the_table(variants, files, tmp_path, monkeypatch):
    kept = []
    visit = latency._visit

    def watched(choice, values, number):
        before = len(choice.latencies_ms)
        visit(choice, values, number)
        kept.extend((choice.key, value) for value in choice.latencies_ms[before:])

    monkeypatch.setattr(latency, "_visit", watched)
    run(variants, files, tmp_path, processors=(1, 2))
    table = read_latency(tmp_path)
    stored = zip(zip(table.variant, table.processor, strict=True), table.latency_ms, strict=True)
    assert sorted(stored) == sorted(kept)
    assert set(table.choices) == {(variant.name, f"cpu:{n}") for variant in variants for n in (1, 2)}
    assert (table.latency_ms > 0).all()
    runs = {key: len(values) for key, values in table.by_choice().items()}
    assert all(QUICK.min_runs <= count < QUICK.max_runs + 3 for count in runs.values())


def test_choices_take_turns(variants, files, tmp_path, monkeypatch):
    turns = []
    visit = latency._visit

    def watched(choice, values, number):
        turns.append((number, (*choice.key, choice.size)))
        visit(choice, values, number)

    monkeypatch.setattr(latency, "_visit", watched)
    run(variants, files, tmp_path, criterion=Criterion(1e-9, min_runs=9, max_runs=9, budget_s=30.0))
    rounds = [[key for number, key in turns if number == wanted] for wanted in range(3)]
    assert [number for number, _ in turns] == sorted(number for number, _ in turns)
    # both on the samples, and one of them on larger images
    assert all(len(set(keys)) == len(keys) > 2 for keys in rounds)
    assert all(len({key[:2] for key in keys}) == 2 for keys in rounds)


def test_a_small_budget_still_visits_every_choice(variants, files, tmp_path):
    run(variants, files, tmp_path, criterion=Criterion(1e-9, budget_s=1e-9))
    assert len(read_latency(tmp_path).choices) == 2


def test_load_is_put_on_the_machine_and_seen(variants, files, tmp_path):
    run(variants, files, tmp_path, states=("idle", "busy:2"))
    table = read_latency(tmp_path)
    assert table.load.keys() == {"idle", "busy:2"}
    assert table.load["busy:2"] > 0
    assert set(table.state) == {"idle", "busy:2"}


def test_a_measured_state_is_kept_and_a_missing_one_measured(variants, files, tmp_path):
    run(variants, files, tmp_path)
    before = (tmp_path / "latency" / "idle.parquet").read_bytes()
    heard = Heard()
    run(variants, files, tmp_path, states=("idle", "busy:1"), reporter=heard)
    assert heard.loops == ["latency, busy:1"]
    assert (tmp_path / "latency" / "idle.parquet").read_bytes() == before


def test_another_choice_file_or_device_is_measured_again(variants, files, tmp_path, small_model, monkeypatch):
    run(variants[:1], files, tmp_path)
    for change in ("choice", "file", "device", "damage"):
        heard = Heard()
        if change == "choice":
            run(variants, files, tmp_path, reporter=heard)
        elif change == "file":
            proto = small_model.copy_proto()
            proto.graph.doc_string = "changed"
            changed = write_variant(small_model.with_proto(proto), tmp_path / "other", "logits")
            run([changed], tmp_path / "other", tmp_path, reporter=heard)
        elif change == "device":
            monkeypatch.setattr("compsel.profiling.tables.device_fingerprint", lambda: {"cpu": "another"})
            run([changed], tmp_path / "other", tmp_path, reporter=heard)
        else:
            (tmp_path / "latency" / "idle.parquet").write_bytes(b"damaged")
            run([changed], tmp_path / "other", tmp_path, reporter=heard)
        assert heard.loops == ["latency, idle"], change
    columns, _ = read_table(tmp_path / "latency" / "idle.parquet")
    assert set(columns["sha256"]) == {changed.sha256}


def test_an_interruption_stores_no_half_state(variants, files, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(variants, files, tmp_path, reporter=Interrupts())
    assert read_latency(tmp_path) is None


def test_nothing_to_measure(variants, files, tmp_path):
    with pytest.raises(ProfileError, match="no choices"):
        run([], files, tmp_path)
    with pytest.raises(ProfileError, match="no samples"):
        measure_latency(Choices(variants, [CpuProcessor(1)], files), ["idle"], IMAGES.subset([]), tmp_path)
    with pytest.raises(ProfileError, match="state: got 'bored'"):
        run(variants, files, tmp_path, states=("idle", "bored"))
    assert not list(tmp_path.iterdir())


def test_a_soak_makes_two_tables_the_burst_and_what_is_sustained(variants, files, tmp_path):
    heard = Heard()
    run(variants, files, tmp_path, states=("soak:0.001",), reporter=heard)
    table = read_latency(tmp_path)
    assert set(table.state) == {"soak:0.001", "soak:0.001:burst"}
    assert heard.loops == ["latency, soak:0.001:burst", "warming up, soak:0.001", "latency, soak:0.001"]


def test_what_the_sampler_saw_is_stored_beside_the_latencies(variants, files, tmp_path):
    run(variants, files, tmp_path)
    seen = read_latency(tmp_path).seen["idle"]
    assert {"load_others", "cores"} <= seen.keys()
    assert all(np.isfinite(value) for value in seen.values())
