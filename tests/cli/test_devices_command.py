"""`compsel devices`: the table that people read and the JSON that programs read."""

import json
from pathlib import Path

import pytest

from compsel.cli.main import main
from compsel.processors.smoke_test import smoke_graph


def test_json_and_table_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--json", str(tmp_path / "devices.json")]) == 0
    content = json.loads((tmp_path / "devices.json").read_text())
    printed = capsys.readouterr().out
    for entry in content["processors"]:
        assert set(entry) == {"name", "provider", "available", "reason", "version"}
        assert entry["reason"]
        assert entry["name"] in printed and entry["reason"] in printed
    first = content["processors"][0]
    assert (first["name"], first["provider"], first["available"]) == ("cpu:1", "CPUExecutionProvider", True)
    assert 0 <= content["state"]["load_others"] <= content["state"]["cores"]
    assert "instruction_sets" in content["device"]
    assert all(f"  {word}: comes with {package}" in printed for word, package in content["absent"].items())
    assert any(name.startswith("onnxruntime") for name in content["versions"])
    assert all(meter["name"] in printed and meter["reason"] in printed for meter in content["meters"])


def test_model_is_run_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, result = tmp_path / "proof.onnx", tmp_path / "devices.json"
    model.write_bytes(smoke_graph())
    assert main(["devices", "--model", str(model), "--json", str(result)]) == 0
    content = json.loads(result.read_text())
    available = [entry["name"] for entry in content["processors"] if entry["available"]]
    assert [run["name"] for run in content["model"]] == available
    assert all(run["latency_ms"] > 0 and run["placement"]["node_share"] == 1 for run in content["model"])
    assert "wholly placed" in capsys.readouterr().out


def test_what_is_no_model_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    for name in ("bad.onnx", "none.onnx"):
        assert main(["devices", "--model", str(tmp_path / name)]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--help"]) == 0
    assert "--json devices.json" in capsys.readouterr().out


def test_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["devices", "--json", str(tmp_path / "file" / "devices.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
