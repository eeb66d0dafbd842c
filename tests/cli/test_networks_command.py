import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from compsel.cli.main import main
from compsel.inputs.modalities import modality_of
from compsel.models.graph_session import open_session
from compsel.models.model import Model
from compsel.models.random_weights import has_random_weights
from compsel.networks import build, names
from tests.encoder_weights import published
from tests.text_models import words_tokenizer


def test_the_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["networks", "--json", str(tmp_path / "n.json")]) == 0
    rows = json.loads((tmp_path / "n.json").read_text())["networks"]
    assert [row["name"] for row in rows] == list(names())
    assert all(set(row) == {"name", "parameters", "macs", "resolution", "reference"} for row in rows)
    resolutions = {row["name"]: row["resolution"] for row in rows}
    assert resolutions["resnet50"] == 224 and resolutions["minilm-l6"] is None
    assert all(row["name"] in capsys.readouterr().out for row in rows[:1])


@pytest.mark.parametrize("json_first", [True, False])
def test_an_export_carries_its_preprocessing(tmp_path: Path, json_first: bool) -> None:
    out, report = tmp_path / "m.onnx", ["--json", str(tmp_path / "r.json")]
    export = ["export", "mobilenet-v1", "--width", "0.25", "--resolution", "64", "--classes", "7", "--out", str(out)]
    assert main(["networks", *report, *export] if json_first else ["networks", *export, *report]) == 0
    model = Model.load(out)
    assert model.preprocessing is not None and model.preprocessing.resolution == (64, 64)
    assert model.outputs[0].shape == (None, 7)
    assert json.loads((tmp_path / "r.json").read_text())["bytes"] == out.stat().st_size


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = tmp_path / "w.npz"
    weights.write_bytes(b"not a zip")
    export = ["networks", "export", "mobilenet-v1", "--weights", str(weights), "--out", str(tmp_path / "m.onnx")]
    assert main(export) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "m.onnx").exists()


def test_random_weights_are_said_loudly_and_noted_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m.onnx"
    assert main(["networks", "export", "mobilenet-v1", "--width", "0.25", "--resolution", "64", "--out", str(out)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {out}: its weights are random, its answers mean nothing: give --weights")
    assert has_random_weights(Model.load(out).proto)


def test_an_encoder_of_text_takes_its_tokenizer_along(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights, out = tmp_path / "checkpoint", tmp_path / "encoder.onnx"
    weights.mkdir()
    np.savez(weights / "model.npz", **published(build("minilm-l1")))  # arrays by name
    export = ["networks", "export", "minilm-l1", "--weights", str(weights / "model.npz"), "--out", str(out)]
    assert main(export) == 0
    assert "no tokenizer.json beside the weights" in capsys.readouterr().err
    assert Model.load(out).preprocessing is None
    shutil.copy(words_tokenizer(), weights / "tokenizer.json")
    assert main(export) == 0
    printed = capsys.readouterr()
    assert "1,770,624 multiply-accumulates a token" in printed.out and not printed.err
    shutil.rmtree(weights)
    model = Model.load(out)
    feeds = modality_of(model).feeds(model, "turn off the light")
    (embedding,) = open_session(model.proto).run(None, feeds)
    assert embedding.shape == (1, 384) and np.linalg.norm(embedding) == pytest.approx(1, abs=1e-4)


def test_of_real_weights_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "m.onnx"
    assert main(["networks", "export", "efficientnet-lite0", "--weights", "imagenet", "--out", str(out)]) == 0
    assert capsys.readouterr().err == ""
    assert not has_random_weights(Model.load(out).proto)
