"""`compsel head` and `compsel student`: a classifier beside its tokenizer, and what it is worth."""

import json

import pytest

import compsel
from compsel.cli.main import main
from compsel.networks import build
from compsel.techniques.heads.learned import learned_of
from tests.text_models import LABELS, TOPICS, words_tokenizer, write_table


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
    assert "give encoder too" in capsys.readouterr().err


def test_a_static_encoder_needs_neither_labels_nor_texts(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "plain.csv").write_text("text\n" + "\n".join(f"turn the {word} off" for word in TOPICS["lights"]) + "\n")
    words = ["student", "--encoder", "encoder.onnx", "--out", "static.onnx", "--json", "s.json"]
    assert main([*words, "--width", "8"]) == 0
    assert "made of the vocabulary of encoder alone" in capsys.readouterr().out
    assert json.loads((folder / "s.json").read_text())["n"] == 0
    assert main([*words, "--samples", "plain.csv"]) == 0
    result = json.loads((folder / "s.json").read_text())
    assert f"mean cosine to encoder {result['cosine']:.3f} out of fold (6 texts" in capsys.readouterr().out
    assert main(["head", "static.onnx", "--samples", "intents.csv", "--out", "m.onnx"]) == 0
    assert compsel.Model.load(folder / "m.onnx").labels == LABELS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "samples: are needed"),
        (("--samples", "intents.csv", "--width", "8"), "width: is that of a static encoder"),
        (("--encoder", "encoder.onnx", "--width", "0"), "got 0, allowed is 1 or more"),
    ],
)
def test_what_makes_no_student(folder, capsys, monkeypatch, words, said):
    monkeypatch.chdir(folder)
    assert main(["student", *words, "--out", "m.onnx"]) == 2
    assert said in capsys.readouterr().err
