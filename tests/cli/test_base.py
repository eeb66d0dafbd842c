"""What every command shares: results as JSON."""

import json
import os
import stat
from pathlib import Path

import pytest

from compsel.cli.base import write_result


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
