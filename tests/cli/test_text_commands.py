"""The commands on texts: tables by column, a tokenizer by name, answers with the names of the classes."""

import json
from pathlib import Path

import onnx
import pytest

import compsel
from compsel.cli.main import main
from compsel.inputs.texts.preprocessing import TextPreprocessing
from compsel.models.model import Model
from tests.text_models import LABELS, classifier, words_tokenizer, write_table

QUICK = ["--processor", "cpu:1", "--state", "idle", "--calibration", "6", "--budget", "0.5"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain export, its tokenizer elsewhere, tables, and the bundle that `compsel build` makes of them."""
    folder = tmp_path_factory.mktemp("commands")
    onnx.save(classifier().proto, folder / "plain.onnx")
    (folder / "elsewhere.json").write_bytes(words_tokenizer().read_bytes())
    table = write_table(folder / "intents.csv", 60).read_text().replace("text,label", "query,intent")
    (folder / "intents.csv").write_text(table)
    arguments = ["build", str(folder / "plain.onnx"), *samples(folder), "--out", str(folder / "bundle"), *QUICK]
    assert main([*arguments, "--tokenizer", str(folder / "elsewhere.json")]) == 0
    return folder


def samples(folder: Path) -> list[str]:
    return ["--samples", str(folder / "intents.csv"), "--text", "query", "--label", "intent"]


def test_a_build_says_the_order_of_the_classes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["build", str(folder / "plain.onnx"), *samples(folder), "--out", str(folder / "bundle"), *QUICK]
    assert main([*arguments, "--tokenizer", str(folder / "elsewhere.json"), "--replace"]) == 0
    assert "labels: 3 classes, lights, music, weather, in the order sorted by name" in capsys.readouterr().err
    with compsel.load(folder / "bundle") as runtime:
        assert runtime.bundle.labels == LABELS


def test_run_answers_words_and_lines_of_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "lines.txt").write_text("play my album\n\nturn off the lamp\n")
    arguments = ["run", str(folder / "bundle"), "will it rain today?", "--file", str(folder / "lines.txt")]
    assert main([*arguments, "--json", str(folder / "run.json")]) == 0
    answers = json.loads((folder / "run.json").read_text())["answers"]
    assert [answer["name"] for answer in answers] == ["weather", "music", "lights"]
    assert [answer["text"] for answer in answers] == ["will it rain today?", "play my album", "turn off the lamp"]
    printed = capsys.readouterr().out
    assert "will it rain today?  weather" in printed
    assert main(["run", str(folder / "bundle"), " ".join(["play my album"] * 40)]) == 0
    assert "..." in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], [""], ["--file", "absent.txt"]])
def test_run_without_a_text(arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(folder / "bundle"), *arguments]) == 2
    assert capsys.readouterr().err.startswith("compsel: ")


def test_evaluate_counts_labels_in_the_order_of_the_bundle(folder: Path, tmp_path: Path) -> None:
    rows = ["query,intent", *(f"play my album {word},music" for word in ("now", "please", "on", "off"))]
    (tmp_path / "one.csv").write_text("\n".join(rows))
    arguments = ["evaluate", str(folder / "bundle"), *samples(tmp_path)]
    arguments[3] = str(tmp_path / "one.csv")
    assert main([*arguments, "--repeats", "1", "--json", str(tmp_path / "e.json")]) == 0
    policies = json.loads((tmp_path / "e.json").read_text())["policies"]
    assert policies["adaptive"]["accuracy"] == 1.0


def test_profile_and_characterize_take_a_tokenizer(folder: Path, tmp_path: Path) -> None:
    model = [str(folder / "plain.onnx"), *samples(folder), "--tokenizer", str(folder / "elsewhere.json")]
    assert main(["profile", *model, "--out", str(tmp_path / "profile"), "--technique", "none", *QUICK]) == 0
    options = ["--technique", "none", "--processor", "cpu:1", "--budget", "0.05"]
    assert main(["characterize", *model, "--out", str(tmp_path / "out"), *options]) == 0
    assert main(["report", str(tmp_path / "profile"), "--out", str(tmp_path / "report.html")]) == 0


@pytest.mark.parametrize("with_samples", [True, False])
def test_compress_keeps_the_tokenizer_beside(with_samples: bool, folder: Path, tmp_path: Path) -> None:
    arguments = ["compress", str(folder / "plain.onnx"), "--technique", "float16", "--out", str(tmp_path)]
    more = samples(folder) if with_samples else []
    assert main([*arguments, *more, "--tokenizer", str(folder / "elsewhere.json")]) == 0
    found = Model.load(tmp_path / "plain.float16.onnx").preprocessing
    assert isinstance(found, TextPreprocessing) and found.files[0].parent == tmp_path


def test_columns_of_what_is_no_table(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluate", str(folder / "bundle"), "--samples", str(tmp_path), "--text", "query"]
    assert main(arguments) == 2
    assert "is no table of texts" in capsys.readouterr().err


def test_a_tokenizer_for_models_of_other_inputs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proto = classifier().proto
    proto.graph.input[0].name = proto.graph.node[0].input[1] = "numbers"
    onnx.save(proto, folder / "other.onnx")
    arguments = ["build", str(folder / "other.onnx"), *samples(folder), "--out", str(folder / "other")]
    assert main([*arguments, "--tokenizer", str(folder / "elsewhere.json"), *QUICK]) == 2
    assert "which no tokenizer makes" in capsys.readouterr().err
