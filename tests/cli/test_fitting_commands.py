"""`compsel head` and `compsel student`: a classifier beside its tokenizer, and what it is worth."""

import json

import pytest

import compsel
from compsel.cli.main import main
from compsel.networks import build
from compsel.techniques.heads.learned import learned_of
from tests.text_models import LABELS, words_tokenizer, write_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fitting")
    write_table(folder / "intents.csv", 90)
    build("minilm-l1", width=1 / 12, tokenizer=words_tokenizer()).save(folder / "encoder.onnx")
    return folder


@pytest.mark.parametrize(
    ("words", "kind", "least"),
    [
        (("head", "encoder.onnx"), "head", 0.5),
        (("student",), "student", 0.9),
        (("student", "--encoder", "encoder.onnx"), "student", 0.9),
    ],
)
def test_a_classifier_from_a_table(folder, capsys, monkeypatch, words, kind, least):
    monkeypatch.chdir(folder)
    assert main([*words, "--samples", "intents.csv", "--out", "m.onnx", "--json", "m.json"]) == 0
    said = capsys.readouterr().out
    result = json.loads((folder / "m.json").read_text())
    assert "right out of fold (90 samples, 5 folds" in said
    assert result["accuracy"] > least
    assert result["accuracy_95"][0] <= result["accuracy"] <= result["accuracy_95"][1]
    model = compsel.Model.load(folder / "m.onnx")
    assert model.labels == LABELS and learned_of(model).kind == kind
    assert (folder / "m.tokenizer.json").is_file()


def test_a_table_without_labels_needs_a_teacher(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    texts = [line.split(",")[0] for line in (folder / "intents.csv").read_text().splitlines()]
    (folder / "texts.csv").write_text("\n".join(texts) + "\n")
    assert main(["student", "--samples", "texts.csv", "--out", "m.onnx"]) == 2
    assert "the samples have no labels" in capsys.readouterr().err
    assert main(["student", "--samples", "intents.csv", "--out", "teacher.onnx"]) == 0
    assert main(["student", "--samples", "texts.csv", "--teacher", "teacher.onnx", "--out", "m.onnx"]) == 0
    assert compsel.Model.load(folder / "m.onnx").labels == LABELS


def test_a_tokenizer_without_an_encoder_is_refused(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    assert main(["student", "--samples", "intents.csv", "--tokenizer", "t.json", "--out", "m.onnx"]) == 2
    assert "give --encoder too" in capsys.readouterr().err
