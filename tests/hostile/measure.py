"""What each kind of hostile file costs, as a table.

    python -m tests.hostile.measure [WORD ...]

makes each kind whose name has one of the words (all without any) and reads it in a process of its own, which may take
20 s and 6 GB: time of the processor, what the process took above what it began with, and what came of it. Fails where
a kind ends in anything but its error, within a second and 10 ms a MB of its files, 200 MB and 5 times their size.
"""

import argparse
import importlib
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from compsel.device.resident_memory import peak_bytes
from compsel.errors import CompselError
from tests.hostile import checkpoints, documents, models, places, samples
from tests.hostile.kinds import Kind

__all__ = ["ALL"]

ALL: tuple[Kind, ...] = (*checkpoints.KINDS, *models.KINDS, *samples.KINDS, *documents.KINDS, *places.KINDS)
_MOST_S, _MOST_BYTES = 20.0, 6 << 30
_ALLOWED_S, _ALLOWED_MB, _ALLOWED_TIMES = 1.0, 200.0, 5.0
_ALLOWED_S_PER_MB = 0.01


def _read(kind: Kind, path: Path, connection: Any) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before, begin = peak_bytes(), time.process_time()
    try:
        kind.read(path)
        said, ended = "", "read"
    except CompselError as error:
        said, ended = str(error), type(error).__name__
        if kind.error is None or not isinstance(error, kind.error):
            ended += " (wanted another)"
    except BaseException as error:
        said, ended = str(error)[:100], f"UNTYPED {type(error).__name__}"
    connection.send((ended, time.process_time() - begin, (peak_bytes() - before) / 1e6, said))


def measured(kind: Kind) -> tuple[str, float, float, float, str]:
    """Read a kind in a process of its own; return what came of it, seconds, MB, MB of its files, and what was said."""
    with tempfile.TemporaryDirectory() as folder:
        path = kind.make(Path(folder))
        size = sum(one.lstat().st_blocks * 512 for one in Path(folder).rglob("*")) / 1e6
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe(duplex=False)
        child = context.Process(target=_read, args=(kind, path, there))
        child.start()
        there.close()
        try:
            if not here.poll(_MOST_S):
                child.kill()
                return "HANGS", _MOST_S, float("nan"), size, ""
            ended, seconds, megabytes, said = here.recv()
            return ended, seconds, megabytes, size, said
        except EOFError:
            child.join()
            return f"DIES of {child.exitcode}", float("nan"), float("nan"), size, ""
        finally:
            child.join()


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    for name in ("tokenizers", "pyarrow.parquet"):  # what is imported when used is no cost of a file
        importlib.import_module(name)
    bad, rows = 0, []
    for kind in ALL:
        if given.words and not any(word in kind.name for word in given.words):
            continue
        ended, seconds, megabytes, size, said = measured(kind)
        wanted = "read" if kind.error is None else kind.error.__name__
        fast = seconds < _ALLOWED_S + _ALLOWED_S_PER_MB * size
        fine = ended == wanted and fast and megabytes < _ALLOWED_MB + _ALLOWED_TIMES * size
        bad += not fine
        rows.append((kind.name, ended, seconds, megabytes, size, said))
        cost = f"{seconds:.2f} s\t{megabytes:.0f} MB\t{size:.1f} MB"
        print(f"{'' if fine else 'BAD'}\t{kind.name}\t{ended}\t{cost}\t{said[:160]}", flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps(rows))
    print(f"{bad} bad of {len(rows)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
