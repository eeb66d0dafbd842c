"""Progress by default: a line where somebody looks, else nothing but the log."""

import io
import logging
import sys
import types

import pytest

from compsel.progress import SILENT
from compsel.progress.interactive import LineReporter, LogReporter, reporter_or_default


def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Let standard error be a terminal, and return what it shows."""
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("compsel.progress.interactive._REFRESH_S", 0.0)
    return stream


def test_nobody_looks_at_a_pipe(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    reporter = reporter_or_default(None)
    assert type(reporter) is LogReporter and reporter_or_default(SILENT) is SILENT
    with caplog.at_level(logging.INFO, "compsel"):
        assert list(reporter.track("ab", "letters")) == ["a", "b"]
        reporter.say("two letters")
    assert caplog.messages == ["two letters"] and capfd.readouterr() == ("", "")


def test_a_terminal_shows_a_line_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    reporter = reporter_or_default(None)
    assert isinstance(reporter, LineReporter)
    for letter in reporter.track("abc", "letters"):
        if letter == "b":
            reporter.say("half of it")
    shown = stream.getvalue()
    assert "letters: 1/3, 0:00:00 left" in shown and "half of it\n" in shown
    *_, last = shown.split("\r")
    assert last == "", "the line is cleared at the end"


def test_a_loop_of_unknown_length_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = terminal(monkeypatch)
    assert list(LineReporter().track(iter("ab"), "letters")) == ["a", "b"]
    assert "letters: 2" in stream.getvalue() and "left" not in stream.getvalue()


def test_a_notebook_shows_it_as_output(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    reporter = reporter_or_default(None)
    reporter.say("in the notebook")
    assert capsys.readouterr() == ("in the notebook\n", "")
