"""Results as tables: plain text for pipes, `rich` on a terminal."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.cli.tables import plain_table, print_table

cells = st.text(st.characters(categories=("L", "N", "P"), max_codepoint=0x24F), max_size=12)


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=1, max_size=5)))
def test_tables_have_one_line_a_row_and_keep_every_cell(rows: list[list[str]]) -> None:
    lines = plain_table(rows[1:], rows[0]).split("\n")
    assert len(lines) == len(rows)
    for row, line in zip(rows, lines, strict=True):
        position = 0
        for cell in row:
            position = line.find(cell, position)
            assert position >= 0
            position += len(cell)


def test_numbers_stand_to_the_right() -> None:
    assert plain_table([("a", "1.5"), ("b", "12.25")], ("name", "ms")) == "name     ms\na       1.5\nb     12.25"


ROWS, HEADER = [("[b]a[/b]", 1.5), ("b", 12.25)], ("name", "ms")


def test_a_pipe_gets_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(iter(ROWS), HEADER)
    assert capsys.readouterr().out == plain_table(ROWS, HEADER) + "\n"


def test_a_terminal_without_rich_gets_plain_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("rich", "rich.box"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table(ROWS, HEADER)
    assert capsys.readouterr().out == plain_table(ROWS, HEADER) + "\n"


def test_a_terminal_gets_every_cell_as_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")  # no bold letters
    print_table(iter(ROWS), HEADER)
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if any(map(str.isalnum, line))]
    assert lines == [["name", "ms"], ["[b]a[/b]", "1.5"], ["b", "12.25"]]


def test_a_pipe_gets_colours_where_they_are_forced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    print_table([("a", 1.5)], ("name", "ms"))
    assert capsys.readouterr().out == "name   ms\na     1.5\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_table([("a", 1.5)], ("name", "ms"))
    assert "\x1b[" in capsys.readouterr().out
