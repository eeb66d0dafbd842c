"""From models to rows, tables and pictures: what is measured, what is kept, what is said of what cannot be measured."""

import json
from dataclasses import replace

import numpy as np
import pytest

from compsel.device.energy import open_meter
from compsel.device.fingerprint import device_fingerprint
from compsel.errors import ModelError, ProfileError, TechniqueError
from compsel.evaluation.characterization.characterize import characterize, default_techniques
from compsel.evaluation.characterization.files import write_characterization
from compsel.evaluation.characterization.row_domination import dominated_rows
from compsel.evaluation.characterization.rows import Row, read_row, row_path
from compsel.evaluation.characterization.settings import CharacterizationSettings
from compsel.inputs.samples import ArraySamples, ImageFolder
from compsel.models.complexity import parameters
from compsel.models.model import Model
from compsel.profiling.confidence_intervals import Estimate
from compsel.storage.parquet import read_table
from compsel.techniques import TECHNIQUES, parse
from compsel.techniques.prune import Prune
from tests.foreign_models import two_inputs

SPECS = ("float16", "int8-static", "prune:0.3", "int8-static+int8-static")


def quick(samples, **changes):
    return CharacterizationSettings(samples, **{"techniques": SPECS, "calibration": 4, "budget_s": 0.02} | changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("characterized")


@pytest.fixture(scope="module")
def rows(small_model, crops, folder):
    """A small seeded network on one processor, without labels."""
    return characterize([small_model], quick(crops), folder)


def test_each_technique_has_a_row_with_figures_or_a_reason(rows):
    assert [row.technique for row in rows] == ["none", *SPECS]
    *measured, impossible = rows
    assert "quantised already" in impossible.left_out
    assert impossible.latency_ms is None
    for row in measured:
        assert row.left_out == ""
        assert row.runs >= 3
        assert row.latency_ms.low <= row.latency_ms.value <= row.latency_ms.high
        assert 0 < row.p50_ms <= row.p95_ms
        assert row.ratio.low <= row.ratio.value <= row.ratio.high
        assert row.load_ms > 0
        assert row.peak_mb > 10
        assert row.energy_mj is None


def test_sizes_are_those_of_graph_and_weights(rows, small_model):
    none, half = rows[0], rows[1]
    # statistics of batch norms and places between tensors come on top of the parameters
    assert 1.0 < none.size_mb / (4 * parameters(small_model) / 1e6) < 1.25
    assert 0.4 < half.size_mb / none.size_mb < 0.65


def test_the_uncompressed_model_is_the_measure(rows):
    none = rows[0]
    assert none.ratio.value == 1.0
    assert none.agreement.value == none.score == 1.0
    assert none.kl.value == none.relative_error.value == 0.0


def test_without_labels_there_is_fidelity_only(rows):
    assert all(row.accuracy is None and row.trained is None for row in rows)
    pruned = rows[3]
    assert pruned.agreement.low <= pruned.agreement.value <= pruned.agreement.high
    assert pruned.kl.value > 0
    assert pruned.score == pruned.agreement.value


def test_nothing_is_measured_twice_and_variants_do_not_stay(rows, small_model, crops, folder, monkeypatch):
    def refuse(*_):
        raise AssertionError("measured again")

    monkeypatch.setattr("compsel.evaluation.characterization.model_rows.measure_row", refuse)
    monkeypatch.setattr("compsel.evaluation.characterization.model_rows.VariantMaker.make", refuse)
    assert characterize([small_model], quick(crops), folder) == rows
    assert [path.name for path in folder.iterdir() if path.is_dir()] == ["rows"]


def test_another_budget_goes_on_with_the_same_samples(small_model, tmp_path):
    samples = ArraySamples([np.full((70, 70, 3), number, np.uint8) for number in range(40)])
    first = characterize([small_model], quick(samples, techniques=["float16"], budget_s=0.001), tmp_path)
    other = {"techniques": ["int8-static"], "processors": ["cpu:2"], "budget_s": 5.0}
    more = characterize([small_model], quick(samples, **other), tmp_path)
    assert [row.n_samples for row in [*first, *more]] == 4 * [first[0].n_samples]
    assert first[0].n_samples < 40


def test_other_samples_or_weights_are_measured_again(rows, small_model, crops, folder, monkeypatch):
    measured = []
    monkeypatch.setattr(
        "compsel.evaluation.characterization.model_rows.measure_row",
        lambda subject, *_: measured.append(subject.variant.name) or Row(small_model.name, "none", "cpu:1"),
    )
    few = ArraySamples([crops.value(index) for index in range(4)])
    assert len(characterize([small_model], quick(few, techniques=["none"]), folder.parent / "other")) == 1
    characterize([small_model], quick(few, techniques=["none"]), folder.parent / "other")
    assert len(measured) == 1
    characterize([small_model], quick(crops, techniques=["none"]), folder.parent / "other")
    assert len(measured) == 2


def test_an_interrupted_run_goes_on(small_model, crops, tmp_path, monkeypatch):
    from compsel.evaluation.characterization import model_rows as module

    real, calls = module.measure_row, []

    def interrupted(*arguments):
        calls.append(arguments[0].variant.technique)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(module, "measure_row", interrupted)
    settings = quick(crops, techniques=["float16", "prune:0.3"])
    with pytest.raises(KeyboardInterrupt):
        characterize([small_model], settings, tmp_path)
    assert not list(tmp_path.glob(".variants-*"))
    rows = characterize([small_model], settings, tmp_path)
    assert calls == ["none", "float16", "float16", "prune:0.3"]
    assert [row.technique for row in rows] == ["none", "float16", "prune:0.3"]


def test_damaged_rows_are_measured_again(small_model, crops, tmp_path):
    settings = quick(crops, techniques=["none"])
    [row] = characterize([small_model], settings, tmp_path)
    path = row_path(tmp_path, row)
    path.write_text("{")
    assert read_row(path) is None
    [again] = characterize([small_model], settings, tmp_path)
    assert again.runs
    assert read_row(path) == again


def test_a_technique_with_a_defect_does_not_cost_the_other_rows(small_model, crops, tmp_path, monkeypatch):
    def broken(self, model, calibration):
        raise IndexError("list index out of range")

    monkeypatch.setattr(Prune, "_transform", broken)
    none, pruned, half = characterize([small_model], quick(crops, techniques=["prune:0.3", "float16"]), tmp_path)
    assert pruned.left_out == "failed: IndexError: list index out of range"
    assert none.left_out == half.left_out == ""


def test_kept_variants_are_models(small_model, crops, tmp_path):
    characterize([small_model], quick(crops, techniques=["float16"], keep=True), tmp_path)
    files = sorted(path.name for path in (tmp_path / "variants").glob("*.onnx"))
    assert "mobilenet-v1_float16.onnx" in files
    assert Model.load(tmp_path / "variants" / "mobilenet-v1_float16.onnx").technique == "float16"


def test_models_with_several_inputs_are_compared_by_relative_error(tmp_path):
    value = {"tokens": np.zeros((1, 6), np.int64), "mask": np.ones((1, 6), np.float32)}
    rows = characterize([two_inputs()], quick(ArraySamples([value] * 4), techniques=["float16"]), tmp_path)
    none, *others = rows
    assert none.agreement is None
    assert none.relative_error.value == 0.0
    assert all(row.left_out or row.relative_error.value < 0.01 for row in others)


@pytest.mark.slow
def test_labels_give_accuracy_of_trained_networks(lite0, labelled_folder, tmp_path):
    samples = ImageFolder(labelled_folder, classes=1000)
    none, small = characterize([lite0], quick(samples, techniques=["int8-static"], budget_s=0.2), tmp_path)
    assert none.trained
    assert 0.5 < none.accuracy.value < 0.9  # every fourth label is wrong on purpose
    assert none.accuracy_change.value == 0.0
    assert small.accuracy_change.value == pytest.approx(small.accuracy.value - none.accuracy.value)
    assert small.n_samples == none.n_samples


def test_seeded_networks_have_no_accuracy_and_the_table_says_so(small_model, crops, tmp_path):
    labelled = ArraySamples([sample.value for sample in crops], labels=[index % 10 for index in range(len(crops))])
    rows = characterize([small_model], quick(labelled, techniques=["none"]), tmp_path)
    assert not rows[0].trained
    assert rows[0].accuracy is None
    write_characterization(rows, tmp_path)
    text = (tmp_path / "characterization.md").read_text(encoding="utf-8")
    assert "no better than guessing (seeded weights" in text
    assert "fidelity only" in text


def test_tables_and_pictures(rows, folder):
    content = write_characterization(rows, folder)
    assert json.loads((folder / "characterization.json").read_text(encoding="utf-8")) == content
    assert content["device"] == device_fingerprint()
    assert [row["technique"] for row in content["rows"]] == ["none", *SPECS]
    assert content["averages"]["float16"]["paper"]["name"] == "16 bit"
    assert content["averages"]["int8-static"]["paper"]["time"] == 0.554
    columns, metadata = read_table(folder / "characterization.parquet")
    assert columns["technique"] == ["none", *SPECS]
    assert columns["latency_ms"][0] == rows[0].latency_ms.value
    assert np.isnan(columns["energy_mj"]).all()
    assert metadata["format_version"] == "1"
    text = (folder / "characterization.md").read_text(encoding="utf-8")
    for words in ("ISPA 2018", "| 8 bit | -74.6% | +55.4% |", "## Traps", "## Left out", "quantised already"):
        assert words in text
    for name in content["pictures"]:
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
        assert f"]({name})" in text


def test_what_is_dominated_is_marked(rows, folder):
    none, half = rows[:2]
    slow = replace(half, ratio=replace(half.ratio, value=2.0, low=1.9, high=2.1), why="because")
    content = write_characterization([none, slow], folder / "marked")
    marked = next(row for row in content["rows"] if row["technique"] == "float16")
    assert marked["dominated"]["by"] == "none"
    text = (folder / "marked" / "characterization.md").read_text(encoding="utf-8")
    trap = next(line for line in text.splitlines() if "2.00 times as slow as none" in line)
    assert trap.endswith("| because |")


def test_dominations_compare_what_is_paired_with_the_uncompressed_model():
    def row(technique, accuracy, change, ratio):
        low, high = ratio - 0.01, ratio + 0.01
        return Row(
            "net", technique, "cpu:1", score=accuracy, ratio=Estimate(ratio, low, high),
            accuracy=Estimate(accuracy, accuracy, accuracy), accuracy_change=Estimate(change, change, change),
        )  # fmt: skip

    # the first one was asked easier samples
    none, same, worse = row("none", 1.0, 0.0, 1.0), row("int16-weight", 0.8, 0.0, 1.2), row("prune:0.5", 0.7, -0.1, 1.2)
    dominations = dominated_rows([none, same, worse])
    assert str(dominations[same.label].domination) == "1.20 times as slow as none, and no better"
    assert str(dominations[worse.label].domination) == "1.20 times as slow as none, and 10.0 points worse"


def test_rows_without_accuracy_are_compared_by_agreement():
    def row(technique, agreement, accuracy=None):
        ratio = 1.0 if technique == "none" else 0.9
        known = {"accuracy": accuracy, "accuracy_change": Estimate(0.0, 0.0, 0.0)} if accuracy else {}
        return Row(
            "net", technique, "cpu:1", ratio=Estimate(ratio, ratio, ratio), agreement=Estimate(agreement, 0.0, 1.0),
            score=accuracy.value if accuracy else agreement, **known,
        )  # fmt: skip

    rows = [row("none", 1.0, Estimate(0.3, 0.2, 0.4)), row("int8-static", 0.7)]
    assert dominated_rows(rows)["net/none@cpu:1"].domination is None, "0.3 right is not less than agreeing on 0.7"


def test_by_default_every_technique_is_tried(small_model):
    specs = default_techniques(small_model)
    assert specs[0] == "none"
    assert len(set(specs)) == len(specs)
    assert {parse(spec).name for spec in specs if "+" not in spec} == set(TECHNIQUES)
    assert "int8-static:per_channel=false" in specs


def test_bad_questions_are_refused(small_model, crops, tmp_path):
    with pytest.raises(ProfileError, match="name of its own"):
        characterize([small_model, small_model], quick(crops), tmp_path)
    with pytest.raises(TechniqueError, match="got technique 'smaller'"):
        characterize([small_model], quick(crops, techniques=["smaller"]), tmp_path)
    with pytest.raises(ModelError, match="no such file"):
        characterize([tmp_path / "none.onnx"], quick(crops), tmp_path)
    with pytest.raises(ProfileError, match="no samples"):
        CharacterizationSettings(ArraySamples([]))
    with pytest.raises(ProfileError, match="budget"):
        CharacterizationSettings(crops, budget_s=0)
    assert not (tmp_path / "rows").exists()


@pytest.mark.slow
def test_energy_where_there_is_a_meter_and_an_estimate_is_called_one(small_model, crops, tmp_path):
    with open_meter("estimate:4") as meter:
        [row] = characterize([small_model], quick(crops, techniques=["none"], meter=meter), tmp_path)
    assert row.energy_mj > 0
    assert row.meter == "estimate:4"
    write_characterization([row], tmp_path)
    text = (tmp_path / "characterization.md").read_text(encoding="utf-8")
    assert "Energy is guessed, not measured" in text
    assert read_table(tmp_path / "characterization.parquet")[0]["energy_mj"].tolist() == [row.energy_mj]
