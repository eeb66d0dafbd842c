"""The verbs: paths in, paths out, options as on the command line; and what each says of itself in one line."""

import contextlib
import inspect
import json
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

import compsel
from compsel.building.options import Measuring
from compsel.building.verbs.options import measuring_of, objective_of, reject_option_of
from compsel.cli.main import main
from compsel.errors import ObjectiveError, ProfileError, StorageError, TechniqueError, UsageError
from compsel.progress import SILENT
from compsel.selection.cascade.reject_option import RejectOption
from compsel.selection.objective import Objective
from compsel.storage.files import folder_size_mb
from tests.text_models import LABELS, classifier, string_pipeline, write_table

QUICK = {"technique": "none", "processor": "cpu:1", "state": "idle", "budget": 0.3, "calibration": 4}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models and a table on disk."""
    folder = tmp_path_factory.mktemp("verbs")
    classifier("big", blocks=3).save(folder / "big.onnx")
    onnx.save(string_pipeline(), folder / "pipeline.onnx")
    write_table(folder / "intents.csv", 60)
    write_table(folder / "others.csv", 30, seed=1)
    return folder


@pytest.fixture(scope="module")
def built(place: Path) -> tuple[Path, compsel.Trained]:
    models = [str(place / "big.onnx"), place / "pipeline.onnx"]
    return place / "bundle", compsel.build(models, str(place / "intents.csv"), place / "bundle", **QUICK)


@pytest.fixture(scope="module")
def runtime(built: tuple[Path, compsel.Trained]) -> Iterator[compsel.Runtime]:
    with compsel.load(built[0]) as loaded:
        yield loaded


def test_a_bundle_is_built_from_paths_and_answers_by_name(runtime: compsel.Runtime) -> None:
    answer = runtime("play my album now")
    assert answer.label_name == "music" and answer.top(1)[0][0] == "music"
    assert "'music'" in repr(answer)


def test_a_bundle_knows_what_starting_it_takes(runtime: compsel.Runtime) -> None:
    result = runtime.bundle.summary["result"]
    assert result["bundle"]["start_ms"] > 0 and result["current"]["start_ms"] > 0
    assert result["bundle"]["size_mb"] == pytest.approx(folder_size_mb(runtime.bundle.folder), rel=0.01)


def test_models_are_benchmarked_with_samples(place: Path) -> None:
    found = compsel.perf(
        [place / "big.onnx", classifier("other", blocks=1)],
        place / "intents.csv",
        processor="cpu:1",
        seconds=0.05,
        memory=False,
    )
    assert [row.processor for row in found.rows] == ["cpu:1", "cpu:1"] and "32 samples" in found.inputs


def test_one_model_needs_no_list(place: Path) -> None:
    measured = compsel.profile(place / "big.onnx", place / "intents.csv", place / "profile", **QUICK)
    assert measured.names == ("big/none",) and measured.origin == "60 samples"
    trained = compsel.train(place / "profile", out=place / "trained", max_loss=0.02)
    assert trained.comparison.winner == "single best" and (place / "trained" / "bundle.json").is_file()


def test_a_place_that_is_taken_is_said_after_what_is_wrong_with_the_profile(place: Path, built: object) -> None:
    with pytest.raises(ProfileError):
        compsel.train(place / "nowhere", out=place)
    with pytest.raises(StorageError, match="give --replace"):
        compsel.train(place / "bundle.work", out=place)


def test_an_evaluation_takes_the_folder_and_finds_what_was_measured(place: Path, built: object) -> None:
    result = compsel.evaluate(place / "bundle", place / "others.csv", repeats=1)
    # it is about the folder that was given, whatever else was measured beside it
    assert result.result.ours.name == str(place / "bundle")
    assert result.result.ours.size_mb == folder_size_mb(place / "bundle")
    assert result.labelled and result.all_measured and len(result.results["adaptive"].right) == 30
    policies, samples = result.to_frame(), result.to_frame("samples")
    adaptive = policies[policies["policy"] == "adaptive"].iloc[0]
    rows = samples[(samples["policy"] == "adaptive") & (samples["kind"] == "policy")]
    assert adaptive["accuracy"] == rows["right"].mean() and len(rows) == 30
    assert rows["latency_ms"].mean() == pytest.approx(adaptive["mean_ms"])
    with pytest.raises(UsageError, match="allowed are policies, samples"):
        result.to_frame("costs")
    (place / "evaluation.json").write_text(json.dumps(result.to_dict()))
    for given in (result, place / "evaluation.json"):
        assert compsel.report(place / "bundle", place / "page.html", evaluation=given).is_file()


def test_a_bundle_is_ported(place: Path, built: object) -> None:
    assert compsel.port(place / "bundle", place / "ported", share=0.01).pairs >= 2
    assert compsel.load(place / "ported", warm_up=False).bundle.labels == LABELS


def test_models_are_compressed_and_fitted(place: Path) -> None:
    reports = compsel.compress(place / "big.onnx", "int8-dynamic", place / "smaller", samples=place / "intents.csv")
    assert [one.technique for one in reports] == ["int8-dynamic"] and reports[0].path is not None
    assert reports[0].figures is not None and reports[0].original is not None
    assert reports[0].figures.accuracy is not None and reports[0].original.speedup == (1.0, 1.0, 1.0)
    fitted = compsel.student(place / "intents.csv", place / "student.onnx")
    assert fitted.accuracy > 0.5 and compsel.Model.load(place / "student.onnx").labels == fitted.model.labels
    with pytest.raises(TechniqueError, match="calibration"):
        compsel.compress(place / "big.onnx", "none", place / "smaller", calibration=0)
    with pytest.raises(UsageError, match="give encoder"):
        compsel.student(place / "intents.csv", tokenizer="tokenizer.json")


def test_everything_says_itself_in_a_line(
    built: tuple[Path, compsel.Trained], runtime: compsel.Runtime, place: Path
) -> None:
    profile = compsel.Profile.load(place / "bundle.work")
    evaluation = compsel.evaluate(runtime.bundle, place / "others.csv", repeats=1)
    samples = compsel.TextTable(place / "intents.csv")
    for one in (built[1], runtime, runtime.bundle, profile, evaluation, samples):
        assert repr(one).startswith(f"{type(one).__name__}(") and len(repr(one)) < 300 and "\n" not in repr(one)


OPTIONS = {
    "build": {"samples", "out", "work", "replace", "tokenizer", "certify"},
    "profile": {"samples", "out", "tokenizer"},
    "train": {"out", "replace", "certify"},
    "evaluate": {"samples", "repeats", "profile", "meter", "quality", "confidence"},
    "port": {"out", "share", "replace"},
    "report": {"out", "evaluation"},
    "head": {"samples", "out", "tokenizer", "teacher"},
    "student": {"samples", "out", "encoder", "tokenizer", "teacher"},
    "compress": {"technique", "samples", "calibration", "processor", "seconds", "out", "tokenizer"},
    "perf": {"samples", "processor", "seconds", "tokenizer"},
}


@pytest.mark.parametrize("verb", OPTIONS)
def test_a_verb_has_the_options_of_its_command(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with contextlib.suppress(SystemExit):
        main([verb, "--help"])
    said = capsys.readouterr().out
    parameters = inspect.signature(getattr(compsel, verb)).parameters
    for option in OPTIONS[verb]:
        assert f"--{option}" in said and option in parameters


def test_options_mean_what_they_mean_on_the_command_line() -> None:
    assert measuring_of(None, {"state": "idle", "budget": 2.0}).criterion is not None
    assert measuring_of(None, {"time_limit": "10 min"}).time_limit_s == 600
    assert measuring_of(None, {"technique": "none", "processor": ["cpu:1"]}).processors == ["cpu:1"]
    assert objective_of(None, {}) == Objective() == objective_of(None, {"max_loss": 0.0})
    assert objective_of(None, {"min_quality": 0.9}) == Objective(max_loss=None, min_quality=0.9)
    assert objective_of(None, {"no_floor": True}) == Objective(max_loss=None)
    assert objective_of(None, {"goal": "at most 1 % less accurate", "penalty": 5.0}) == Objective(
        max_loss=0.01, penalty=5
    )
    assert objective_of("at most 1 % less accurate", {}) == Objective(max_loss=0.01)
    assert reject_option_of(None, {"abstain": 0.5}) == RejectOption(abstain_below=0.5)
    assert reject_option_of(None, {}) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"techniques": ["none"]}, "got the option 'techniques', allowed are"),
        ({"budget": 0}, "budget: got 0"),
        ({"calibration": 0}, "calibration: got 0"),
        ({"time_limit": "soon"}, "time limit: got 'soon'"),
        ({"goal": "no loss", "max_loss": 0.1}, "goal: got it together with max_loss"),
        ({"measuring": Measuring(), "technique": "none"}, "technique: got it together with measuring"),
        ({"max_loss": 0.1, "no_floor": True}, "no_floor: got it together with max_loss"),
        ({"objective": Objective(), "max_loss": 0.1}, "max_loss: got it beside an objective"),
        ({"objective": Objective(), "goal": "fast"}, "goal: got it together with an objective"),
        ({"reject_option": RejectOption(), "abstain": 0.1}, "abstain: got it beside a reject_option"),
    ],
)
def test_options_that_do_not_exist_or_contradict_are_refused(place: Path, options: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        compsel.build(place / "big.onnx", place / "intents.csv", place / "refused", **options)
    assert not (place / "refused").exists()


def test_no_model_and_values_that_are_not_allowed_are_refused(place: Path) -> None:
    with pytest.raises(UsageError, match="models: got none"):
        compsel.build([], place / "intents.csv", place / "refused")
    with pytest.raises(ObjectiveError, match="max_loss"):
        compsel.build(place / "big.onnx", place / "intents.csv", place / "refused", max_loss=2.0)


@pytest.mark.usefixtures("built")
def test_a_library_prints_nothing(place: Path, capfd: pytest.CaptureFixture[str]) -> None:
    compsel.train(place / "bundle.work")
    compsel.train(place / "bundle.work", reporter=SILENT)
    assert capfd.readouterr() == ("", "")
