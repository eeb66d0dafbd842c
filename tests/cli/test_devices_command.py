"""`compsel devices`: the table that people read and the JSON that programs read."""

import json
from pathlib import Path

import pytest

from compsel.cli.main import main


def test_json_and_table_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--json", str(tmp_path / "devices.json")]) == 0
    content = json.loads((tmp_path / "devices.json").read_text())
    printed = capsys.readouterr().out
    for entry in content["processors"]:
        assert set(entry) == {"name", "provider", "available", "reason"}
        assert entry["reason"]
        assert entry["name"] in printed and entry["reason"] in printed
    first = content["processors"][0]
    assert (first["name"], first["provider"], first["available"]) == ("cpu:1", "CPUExecutionProvider", True)
    assert 0 <= content["state"]["load_others"] <= content["state"]["cores"]
    assert "instruction_sets" in content["device"]


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--help"]) == 0
    assert "compsel devices --json devices.json" in capsys.readouterr().out


def test_place_that_cannot_be_written_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["devices", "--json", str(tmp_path / "file" / "devices.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
