"""Terminals and places as they are in the world: encodings without a letter, narrow ones, a folder's odd name, `~`."""

import io
import json
import os
import sys
from pathlib import Path

import pytest

from compsel.cli.main import BAD_INPUT, main
from tests.building.verbs.test_names_of_files import dense

NAMES = {"letters": "modèle✓", "bytes that are no text": os.fsdecode(b"mod\xe8le"), "quotes": "a 'b' \"c\" $d"}


def printed(encoding: str, argv: list[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what a command that succeeds prints on a terminal of an encoding."""
    content = io.BytesIO()
    stream = io.TextIOWrapper(content, encoding=encoding, errors="strict", write_through=True)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", stream)
        assert main(argv) == 0
    return content.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8", "utf-16"])
@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_printed_in_every_encoding(name: str, encoding: str, tmp_path: Path, monkeypatch) -> None:
    model = dense(tmp_path / f"{NAMES[name]}.onnx")
    out = tmp_path / NAMES[name]
    command = ["compress", str(model), "--technique", "int8-weight", "--out", str(out), "--seconds", "0"]
    assert "int8-weight" in printed(encoding, command, monkeypatch)
    assert len(list(out.glob("*.onnx"))) == 1


@pytest.mark.parametrize("columns", ["0", "1", "20", "many"])
def test_help_is_printed_however_narrow_the_terminal(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert "--technique" in printed("ascii", ["compress", "--help"], monkeypatch)


@pytest.mark.parametrize("given", ["--out={}", "--json={}"])
def test_the_user_s_folder_is_meant_by_a_tilde(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(tmp_path)
    dense(home / "net.onnx")
    places = {"--out={}": "out", "--json={}": "result.json"}
    command = ["compress", "~/net.onnx", "--technique", "int8-weight", "--seconds", "0"]
    assert main([*command, *(["--out=other"] if "json" in given else []), given.format(f"~/{places[given]}")]) == 0
    assert (home / places[given]).exists()
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("option", ["--out", "--json"])
def test_a_place_that_cannot_be_written_is_told_before_the_work(option: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "a file").write_text("")
    places = {"--out": str(tmp_path / "out"), "--json": str(tmp_path / "result.json")}
    places[option] = str(tmp_path / "a file" / "below" / "it")
    words = [word for pair in places.items() for word in pair]
    assert main(["compress", "no such model.onnx", "--technique", "int8-weight", *words]) == BAD_INPUT
    said = capsys.readouterr().err
    assert "cannot write" in said
    assert "no such model" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]


def test_json_still_goes_to_a_device(tmp_path: Path, capsys) -> None:
    model = dense(tmp_path / "net.onnx")
    command = ["compress", str(model), "--technique", "int8-weight", "--seconds", "0", "--out", str(tmp_path / "out")]
    assert main([*command, "--json", os.devnull]) == 0
    capsys.readouterr()
    assert main([*command, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["variants"][0]["model"] == "net"
