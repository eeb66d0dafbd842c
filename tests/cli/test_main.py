"""What holds for every command: help, options before and after, exit statuses, standard output for JSON."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from compsel.cli import main as program
from compsel.cli.commands import COMMANDS, GROUPS
from compsel.cli.main import main
from compsel.cli.parsers import nested_parsers, parser_of


def test_compsel_alone_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert all(f"\n{group}:\n" in printed.out for group in GROUPS)
    assert all(re.search(rf"\n  {name} +\w", printed.out) for name in COMMANDS)
    for status in ("0    done", "1    something unforeseen", "2    bad input", "130  interrupted"):
        assert status in printed.out
    assert max(map(len, printed.out.splitlines())) <= 110
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == printed.out


@pytest.mark.parametrize("words", [["--quiet", "networks"], ["networks", "--quiet"], ["-v", "networks"]])
def test_options_of_all_commands_stand_before_or_after(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert "mobilenet-v1" in capsys.readouterr().out


def test_quiet_leaves_messages_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export = [
        "networks",
        "export",
        "mobilenet-v1",
        "--width",
        "0.25",
        "--resolution",
        "32",
        "--out",
        str(tmp_path / "m"),
    ]
    assert main(export) == 0
    assert "its weights are random" in capsys.readouterr().err
    assert main([*export, "--quiet"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "mobilenet-v1" in printed.out


def test_json_on_standard_output_stands_alone(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "compsel", "networks", "--json", "-"], capture_output=True, check=True)
    assert json.loads(done.stdout)["networks"][0]["name"] == "vgg16"
    assert b"checked against" in done.stderr


def unforeseen(arguments: object) -> int:
    raise RuntimeError("the moon is in the wrong house")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def parsed(argv: list[str]) -> SimpleNamespace:
        verbosity = "verbose" if "--verbose" in argv else "normal"
        return SimpleNamespace(command=SimpleNamespace(run=unforeseen), verbosity=verbosity)

    monkeypatch.setattr(program, "_parse", parsed)


@pytest.mark.usefixtures("broken")
def test_what_is_unforeseen_is_one_line_and_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("compsel: unforeseen: RuntimeError: the moon is in the wrong house: ")
    found = re.search(r"its traceback is in (\S+\.log)", line)
    assert found is not None
    file = Path(found[1])
    assert "Traceback" in file.read_text()
    file.unlink()


@pytest.mark.usefixtures("broken")
def test_verbose_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--verbose"]) == 1
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first.startswith("Traceback")
    assert "the traceback is above" in last


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_every_command_and_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    _, parsers = parser_of(COMMANDS)
    options = {
        option.lstrip("-")
        for parser in parsers.values()
        for one in (parser, *nested_parsers(parser).values())
        for option in one._option_string_actions
        if option.startswith("--")
    }
    assert {"samples", "technique", "config"} <= options
    assert all(name in script for name in (*COMMANDS, *options))


def test_bash_completes_words_of_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "compsel.bash"
    script.write_text(capsys.readouterr().out)
    words = "COMP_WORDS=(compsel eval); COMP_CWORD=1; COMP_LINE='compsel eval'; COMP_POINT=12"
    code = f'. {script}; {words}; f=$(complete -p compsel | grep -o "_shtab[a-z_]*"); $f; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["evaluate"]
