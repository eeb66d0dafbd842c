"""What shards of the tests do, in workers that import this module; folders of marks count how often they did."""

import contextlib
import os
import signal
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from compsel.errors import ProfileError
from compsel.parallel.backend import Backend
from compsel.parallel.shards import Shard, run_shards, shard_name
from compsel.progress import SILENT, Reporter
from compsel.storage.parquet import read_table, write_table

ROWS = 50


class Words(Reporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def say(self, message: str) -> None:
        self.words.append(message)


def shards(folder: Path, count: int) -> list[Shard]:
    return [Shard(folder / "shards" / f"{shard_name('squares', n)}.parquet", f"part {n}", (n,)) for n in range(count)]


def compute(common: dict[str, Any], path: Path, number: int) -> None:
    """Write a table of squares, slowly; what else it does is asked for by `common`."""
    marks = path.parent.parent / "marks"
    marks.mkdir(parents=True, exist_ok=True)
    (marks / f"{number}-{uuid.uuid4().hex}").touch()
    time.sleep(common.get("seconds", 0.0))
    if number == common.get("kills_once") and len(list(marks.glob(f"{number}-*"))) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == common.get("kills"):
        os.kill(os.getpid(), signal.SIGKILL)
    if number == common.get("fails_on_purpose"):
        raise ProfileError("the labels are wrong")
    if number == common.get("fails") or (
        number == common.get("fails_twice") and len(list(marks.glob(f"{number}-*"))) < 3
    ):
        raise ZeroDivisionError(f"part {number} divides by zero")
    write_table(path, {"square": (np.arange(ROWS) + number * ROWS) ** 2})


def computed(folder: Path, number: int) -> int:
    """How often a shard was begun."""
    return len(list((folder / "marks").glob(f"{number}-*")))


def merged(folder: Path, count: int, backend: Backend, reporter: Reporter = SILENT, **common: Any) -> bytes:
    """Compute shards and merge them into a table; return its bytes."""
    parts = shards(folder, count)
    run_shards(compute, common, parts, backend, reporter, "squares")
    squares = np.concatenate([read_table(shard.path)[0]["square"] for shard in parts])
    write_table(folder / "squares.parquet", {"square": squares})
    return (folder / "squares.parquet").read_bytes()


def interrupt(folder: Path) -> None:
    """Send this process Ctrl-C once some shards are done."""
    while len(list(folder.glob("shards/*.parquet"))) < 3:
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.kill(os.getpid(), signal.SIGINT)
