"""`compsel.toml`: options from a file, the command line wins, and a call can be written down and done again."""

import json
from pathlib import Path

import pytest

from compsel.cli.main import main
from tests.bad_input_world import World


def answers(path: Path) -> list[dict[str, object]]:
    found = json.loads(path.read_text())["answers"]
    assert isinstance(found, list)
    return found


def test_the_file_gives_what_the_command_line_does_not(
    small_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names = tmp_path / "names.txt"
    names.write_text("".join(f"class {number}\n" for number in range(10)))
    photo, bundle = json.dumps(str(small_world.photo)), json.dumps(str(small_world.bundle))
    text = f'[run]\nbundle = {bundle}\ninputs = [{photo}]\nlabels = "names.txt"\njson = "run.json"\ntop = 2\n'
    (tmp_path / "compsel.toml").write_text(text)
    assert main(["run"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "compsel.toml: gives bundle, inputs, labels, json, top, unless given here\n"
    assert printed.out.count("class ") == 2
    (answer,) = answers(tmp_path / "run.json")
    assert answer["name"] == f"class {answer['label']}"

    other = tmp_path / "other.json"
    assert main(["run", str(small_world.bundle), str(small_world.samples), "--json", str(other), "--top", "1"]) == 0
    assert capsys.readouterr().out.count("class ") == 6
    assert len(answers(other)) == 6


def test_without_a_section_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compsel.toml").write_text('[run]\nbundle = "b"\n')
    assert main(["networks"]) == 0
    assert capsys.readouterr().err == ""


def test_repeated_options_of_the_command_line_replace_those_of_the_file(
    small_world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[compress]\ntechnique = ["float16", "none"]\nseconds = 0\n')
    call = ["compress", str(small_world.model), "--config", str(file), "--out", str(tmp_path / "v"), "--json"]
    for words, techniques in (([], ["float16", "none"]), (["--technique", "cluster"], ["cluster"])):
        assert main([*call, str(tmp_path / "c.json"), *words]) == 0
        made = json.loads((tmp_path / "c.json").read_text())["variants"]
        assert [variant["technique"].partition(":")[0] for variant in made] == techniques


def test_a_call_can_be_written_down_and_done_again(small_world: World, tmp_path: Path) -> None:
    first, again, file = tmp_path / "first", tmp_path / "again", tmp_path / "mine.toml"
    call = ["compress", str(small_world.model), "--technique", "float16", "--seconds", "0", "--out", str(first)]
    assert main([*call, "--write-config", str(file)]) == 0
    assert "[compress]" in file.read_text()
    assert main(["compress", "--config", str(file), "--out", str(again)]) == 0
    (one,), (other,) = first.glob("*.onnx"), again.glob("*.onnx")
    assert one.read_bytes() == other.read_bytes()


def test_words_behind_a_command_have_sections_of_their_own(tmp_path: Path) -> None:
    file, out = tmp_path / "mine.toml", tmp_path / "m.onnx"
    options = f'name = "mobilenet-v1"\nwidth = 0.25\nresolution = 32\nout = {json.dumps(str(out))}\n'
    file.write_text(f"[networks.export]\n{options}")
    assert main(["networks", "export", "--config", str(file)]) == 0
    assert out.is_file()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[evaluate]\nrepeats = [1, 2]\n", "got a list, allowed is one value"),
        ("[evaluate]\nrepeats = true\n", "allowed is a text or a number"),
        ("evaluate = 3\n", "allowed is a section of options"),
    ],
)
def test_values_of_another_kind(text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    assert main(["evaluate", "--config", str(file)]) == 2
    assert says in capsys.readouterr().err


def test_flags_are_true_or_false(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[train]\nreplace = "yes"\n')
    assert main(["train", "p", "--out", "b", "--config", str(file)]) == 2
    assert "replace: got 'yes', allowed are true and false" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["quality", "confidence"])
def test_a_file_that_is_merely_found_may_not_name_code(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"trap_{option}.py").write_text("from pathlib import Path\nPath('ran').touch()\ndef f(*given): ...\n")
    (tmp_path / "compsel.toml").write_text(f'[evaluate]\nbundle = "b"\nsamples = "s"\n{option} = "trap_{option}:f"\n')
    assert main(["evaluate"]) == 2
    line = capsys.readouterr().err
    assert f"{option}: got 'trap_{option}:f', which is code" in line and "give --config compsel.toml" in line
    assert not (tmp_path / "ran").exists()
    # given explicitly it is read, and ends at the bundle that is not there
    assert main(["evaluate", "--config", "compsel.toml"]) == 2
    assert "which is code" not in capsys.readouterr().err


def test_a_file_that_is_found_may_name_what_is_no_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compsel.toml").write_text('[build]\nquality = "cosine"\n')
    assert main(["build", "nowhere.onnx", "--samples", "s", "--out", "b"]) == 2
    assert "which is code" not in capsys.readouterr().err
