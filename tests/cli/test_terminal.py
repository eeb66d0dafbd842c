"""Progress on standard error: one line a loop for files, bars on a terminal."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from compsel.cli.terminal import TERMINAL, set_verbosity

# real time, or real load, is what is looked at: nothing runs beside
pytestmark = pytest.mark.clock

pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")

SOURCE = Path(__file__).resolve().parents[2] / "src"
NESTED = """
import sys, time
{before}
from compsel.cli.terminal import TERMINAL
for _ in TERMINAL.track(range(3), "models [a]"):
    for _ in TERMINAL.track(iter(range(4)), "runs lite0"):
        time.sleep(0.12)
    TERMINAL.say("a message")
"""


def on_a_terminal(code: str, **environment: str) -> str:
    """Run code with its standard error on a pseudo-terminal; return what it wrote there."""
    ours, theirs = pty.openpty()
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), *sys.path]), "TERM": "xterm", **environment}
    process = subprocess.Popen([sys.executable, "-c", code], stderr=theirs, stdout=subprocess.PIPE, env=variables)
    os.close(theirs)
    written = b""
    try:
        while block := os.read(ours, 4096):
            written += block
    except OSError:  # Linux's way to say that the other end was closed
        pass
    os.close(ours)
    assert process.stdout is not None
    assert process.stdout.read() == b"", "standard output is for results"
    process.stdout.close()
    process.wait()
    return written.decode()


def without_controls(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_progress_passes_everything_on_and_says_once_how_much(capsys: pytest.CaptureFixture[str]) -> None:
    def letters() -> Iterator[str]:
        for letter in "abc":
            time.sleep(0.03)
            yield letter

    assert list(TERMINAL.track(letters(), "letters")) == ["a", "b", "c"]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("letters: 3 in ")
    assert len(printed.err.splitlines()) == 1


def test_a_loop_that_takes_no_time_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(TERMINAL.track("abc", "letters")) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""
    set_verbosity("verbose")
    try:
        assert list(TERMINAL.track("abc", "letters")) == ["a", "b", "c"]
    finally:
        set_verbosity("normal")
    assert capsys.readouterr().err == "letters: 3 in 0.0 s\n"


def test_a_terminal_shows_bars_with_the_time_left() -> None:
    text = without_controls(on_a_terminal(NESTED.format(before="")))
    assert re.search(r"models \[a\] \S+ 1/3 +0:00:0[1-9] left", text)
    assert re.search(r"runs lite0 \S+ [23]/\?", text)
    assert len(re.findall(r"runs lite0: 4 in \d", text)) == 3
    assert len(re.findall(r"models \[a\]: 3 in \d", text)) == 1
    assert text.count("a message") == 3


@pytest.mark.slow
def test_no_colour_where_none_is_wanted() -> None:
    assert re.search(r"\x1b\[[0-9;]*3\dm", on_a_terminal(NESTED.format(before="")))
    assert not re.search(r"\x1b\[[0-9;]*3\dm", on_a_terminal(NESTED.format(before=""), NO_COLOR="1"))


@pytest.mark.parametrize(("before", "term"), [("sys.modules['rich'] = None", "xterm"), ("", "dumb")])
def test_plain_lines_without_rich_and_on_a_terminal_that_cannot_draw(before: str, term: str) -> None:
    lines = on_a_terminal(NESTED.format(before=before), TERM=term).splitlines()
    plain = [re.sub(r"\d\.\d s", "T", line) for line in lines]
    assert plain == [*["runs lite0: 4 in T", "a message"] * 3, "models [a]: 3 in T"]


def test_a_loop_that_fails_leaves_the_terminal_as_it_was() -> None:
    code = """
from compsel.cli import main
from compsel.cli.terminal import TERMINAL
from compsel.errors import InputError
def failing(argv):
    for _ in TERMINAL.track(range(3), "models"):
        raise InputError("broken")
main._parse = failing
raise SystemExit(main.main([]))
"""
    text = on_a_terminal(code)
    assert text.endswith("\x1b[?25hcompsel: broken\r\n") or re.search(r"\x1b\[\?25h.*compsel: broken\r\n$", text, re.S)
    assert "models: " not in without_controls(text)


def test_a_phase_is_one_bar_for_all_its_loops() -> None:
    code = """
import time
from compsel.cli.terminal import TERMINAL
with TERMINAL.phase("answers", 2):
    for name in ("first", "second"):
        for _ in TERMINAL.track(range(4), name):
            time.sleep(0.25)
"""
    text = without_controls(on_a_terminal(code))
    assert re.search(r"answers \(first\) \S+ \d+ % +0:00:0[0-9] left", text)
    assert re.search(r"answers \(second\) \S+ [5-9]\d %", text)
    assert len(re.findall(r"answers: \d\.\d s", text)) == 1
    assert "first: 4" not in text
