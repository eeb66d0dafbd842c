"""What every command shares: tables, progress, results as JSON."""

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.cli.base import table, write_result
from compsel.cli.terminal import TERMINAL

cells = st.text(st.characters(categories=("L", "N", "P"), max_codepoint=0x24F), max_size=12)


@given(st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=1, max_size=5)))
def test_tables_have_one_line_a_row_and_keep_every_cell(rows: list[list[str]]) -> None:
    lines = table(rows[1:], rows[0]).split("\n")
    assert len(lines) == len(rows)
    for row, line in zip(rows, lines, strict=True):
        position = 0
        for cell in row:
            position = line.find(cell, position)
            assert position >= 0
            position += len(cell)


def test_numbers_stand_to_the_right() -> None:
    assert table([("a", "1.5"), ("b", "12.25")], ("name", "ms")) == "name     ms\na       1.5\nb     12.25"


def test_progress_passes_everything_on_and_says_once_how_much(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(TERMINAL.track(iter("abc"), "letters")) == ["a", "b", "c"]
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("letters: 3 in ")
    assert len(printed.err.splitlines()) == 1


def test_figures_that_do_not_exist_are_null(tmp_path: Path) -> None:
    write_result(tmp_path / "x.json", {"gap": float("nan"), "rows": [{"ms": float("inf")}, (1, 2)]})
    assert json.loads((tmp_path / "x.json").read_text()) == {"gap": None, "rows": [{"ms": None}, [1, 2]]}


def test_without_a_file_nothing_is_written(tmp_path: Path) -> None:
    write_result(None, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_result(pipe, {"n": 1})
        assert json.loads(os.read(reader, 4096)) == {"n": 1}
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
