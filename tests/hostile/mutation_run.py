"""Thousands of mutations in one run: each in a worker process that is watched; a table of what came of them."""

import argparse
import collections
import multiprocessing
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

import compsel
from compsel.device.resident_memory import peak_bytes
from tests.hostile.mutation_outcome import OTHER, SAME, known_answers, outcome
from tests.hostile.mutations import Mutation, linked_copy, mutate

__all__ = ["main"]

_HANGS_S = 60.0  # far beyond what any takes
_PER_WORKER = 500  # a worker that grew would be seen, and would not be taken for what one mutation takes


@dataclass(frozen=True)
class Outcome:
    """What came of one mutation.

    Attributes:
        seed: makes it again.
        mutation: what was changed; None where the worker ended before it could tell.
        word: an answer, the name of an error, "UNTYPED ...", "HANGS", or "ENDS THE PROCESS".
        seconds: from loading to the end.
        peak_mb: resident memory of the process, at most; NaN where the system does not tell.
        detail: of an untyped error.
    """

    seed: int
    mutation: Mutation | None
    word: str
    seconds: float
    peak_mb: float
    detail: str = ""

    @property
    def bad(self) -> bool:
        """Whether it must not happen."""
        return self.word.isupper() or self.word.startswith("UNTYPED")


def _work(connection: Connection, bundle: Path, options: dict[str, Any]) -> None:
    """Make the mutations whose seeds arrive, and send what came of each."""
    known = known_answers(bundle)
    with tempfile.TemporaryDirectory(dir=bundle.parent) as folder:
        while (seed := connection.recv()) is not None:
            connection.send(_one(seed, bundle, Path(folder) / str(seed), known, options))


def _one(seed: int, bundle: Path, copy: Path, known: list[np.ndarray], options: dict[str, Any]) -> Outcome:
    mutation = mutate(linked_copy(bundle, copy), np.random.default_rng(seed))
    _forget_peak()
    begin, detail = time.perf_counter(), ""
    try:
        word = outcome(copy, known, **options)
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        word, detail = f"UNTYPED {type(error).__name__}", f"{error!r} at {frame.filename}:{frame.lineno}"
    seconds = time.perf_counter() - begin
    for path in sorted(copy.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    copy.rmdir()
    return Outcome(seed, mutation, word, seconds, _peak_mb(), detail)


def _forget_peak() -> None:
    if sys.platform.startswith("linux"):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    if not sys.platform.startswith("linux"):
        return float("nan")
    return peak_bytes() / 1e6


def run(bundle: Path, seeds: range, options: dict[str, Any]) -> Iterator[Outcome]:
    """Give what comes of the mutation of each seed; what hangs or ends its process costs no other."""
    context = multiprocessing.get_context("spawn")
    worker, connection, done = None, None, 0
    for seed in seeds:
        if worker is None or connection is None:
            connection, theirs = context.Pipe()
            worker = context.Process(target=_work, args=(theirs, bundle, options), daemon=True)
            worker.start()
            theirs.close()
            done = 0
        begin = time.perf_counter()
        connection.send(seed)
        try:
            word = "HANGS" if not connection.poll(_HANGS_S) else ""
            found: Outcome | None = None if word else connection.recv()
        except EOFError:
            word, found = "ENDS THE PROCESS", None
        yield found or Outcome(seed, None, word, time.perf_counter() - begin, float("nan"))
        done += 1
        if found is None or done >= _PER_WORKER:
            worker.kill()
            worker.join()
            worker = None
    if worker is not None:
        worker.kill()
        worker.join()


def table(outcomes: list[Outcome]) -> str:
    """Return what came of the mutations, by kind of file and of change."""
    words = [word for word, _ in collections.Counter(one.word for one in outcomes).most_common()]
    rows = [["file", "change", "count", *words, "slowest s", "peak MB"]]
    kinds = collections.defaultdict(list)
    for one in outcomes:
        kinds[_kind(one.mutation)].append(one)
    for (file, change), found in [*sorted(kinds.items()), (("all", ""), outcomes)]:
        counts = collections.Counter(one.word for one in found)
        figures = f"{max(one.seconds for one in found):.2f}", f"{max(one.peak_mb for one in found):.0f}"
        rows.append([file, change, str(len(found)), *(str(counts[word] or "") for word in words), *figures])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _kind(mutation: Mutation | None) -> tuple[str, str]:
    if mutation is None:
        return "?", "?"
    path = Path(mutation.file)
    return (mutation.file if path.suffix == ".json" else f"{path.parent}/*{path.suffix}"), mutation.kind


def main() -> int:
    """Mutate, and print a table of what came of it."""
    parser = argparse.ArgumentParser(description="load mutated bundles, and count what comes of it")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signed", action="store_true", help="sign the bundle, and load only what was signed")
    given = parser.parse_args()
    begin, outcomes, options = time.perf_counter(), [], dict[str, Any]()
    with tempfile.TemporaryDirectory() as folder:
        bundle = linked_copy(given.bundle, Path(folder) / "bundle")
        if given.signed:
            from tests.bundle.signing.keys import write_key  # whose library may be missing

            key = write_key(Path(folder), "key")
            compsel.sign(bundle, key.private)
            options["only_signed_by"] = key.public
        for one in run(bundle, range(given.seed, given.seed + given.count), options):
            if given.signed and one.word in (SAME, OTHER):
                one = replace(one, word="ANSWERS")
            outcomes.append(one)
            if one.bad:
                print(f"{one.seed}: {one.mutation}: {one.word} {one.detail}", flush=True)
    print(table(outcomes))
    others = collections.Counter(_place(one.mutation) for one in outcomes if one.word == OTHER and one.mutation)
    print(f"\n{OTHER}, by what was changed:")
    for place, count in others.most_common():
        print(f"{count:6}  {place}")
    answered = sum(one.word == SAME for one in outcomes)
    median = statistics.median(one.seconds for one in outcomes)
    slowest = max(outcomes, key=lambda one: one.seconds)
    print(f"\nslowest: seed {slowest.seed}, {slowest.mutation}: {slowest.word}, {slowest.seconds:.2f} s")
    print(f"\n{len(outcomes)} mutations, {answered} {SAME}, {sum(others.values())} {OTHER}, "
          f"{sum(one.bad for one in outcomes)} that must not be; median {median:.3f} s, "
          f"{time.perf_counter() - begin:.0f} s in all")  # fmt: skip
    return 1 if any(one.bad for one in outcomes) else 0


def _place(mutation: Mutation) -> str:
    file, _ = _kind(mutation)
    return f"{file} {mutation.place}".rstrip()
