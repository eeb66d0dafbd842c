import json
from pathlib import Path

import pytest

from compsel.cli.main import main
from compsel.models.model import Model
from compsel.models.random_weights import has_random_weights
from compsel.networks import names


def test_the_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["networks", "--json", str(tmp_path / "n.json")]) == 0
    rows = json.loads((tmp_path / "n.json").read_text())["networks"]
    assert [row["name"] for row in rows] == list(names())
    assert all(set(row) == {"name", "parameters", "macs", "resolution", "reference"} for row in rows)
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


def test_of_real_weights_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "m.onnx"
    assert main(["networks", "export", "efficientnet-lite0", "--weights", "imagenet", "--out", str(out)]) == 0
    assert capsys.readouterr().err == ""
    assert not has_random_weights(Model.load(out).proto)
