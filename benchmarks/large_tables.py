"""Training on simulated tables of any size: seconds, peak memory, what is chosen, and what streaming loses.

Tables are resampled from training_data/efficientnet-lite (`large_tables_parts/simulated_profile.py`): what they say of
policies is simulated; seconds and memory are measured, each in a process of its own.

    python benchmarks/large_tables.py time --rows 10000 1000000 --json large_tables.json
    python benchmarks/large_tables.py time --rows 1000000 --variants 9 --evidence
    python benchmarks/large_tables.py quality --rows 1000000
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from compsel.device.resident_memory import peak_bytes
from large_tables_parts.simulated_profile import ORIGIN, SimulatedProfile, Simulation

T = TypeVar("T")
JUDGING_ROWS = 200_000


def train_here(folder: Path, limit_mb: float) -> None:
    """Train in this process, and print what it took."""
    from compsel.building.training_tables import opened_table, trained_on
    from compsel.profiling.stream import ProfileStream
    from compsel.progress import Reporter
    from compsel.selection.objective import Objective
    from compsel.selection.training.streaming.memory import MemoryLimit

    class Said(Reporter):
        def __init__(self) -> None:
            self.start = time.perf_counter()
            self.steps: list[tuple[str, float]] = []
            self.said: list[str] = []

        def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
            begin = time.perf_counter()
            yield from items
            self.steps.append((label, round(time.perf_counter() - begin, 2)))
            print(f"{label}: {self.steps[-1][1]} s, {peak_bytes() / 1e6:.0f} MB", file=sys.stderr, flush=True)

        def say(self, message: str) -> None:
            self.said.append(message)

    reporter, limit = Said(), MemoryLimit(limit_mb)
    table = opened_table(folder, limit)
    found = trained_on(table, Objective(), limit=limit, reporter=reporter)
    comparison = found.trained.comparison
    print(
        json.dumps(
            {
                "streamed": isinstance(table, ProfileStream),
                "seconds": time.perf_counter() - reporter.start,
                "cpu_seconds": time.process_time(),
                "peak_mb": peak_bytes() / 1e6,
                "steps": reporter.steps,
                "said": reporter.said[-3:],
                "winner": comparison.winner,
                "scores": {name: [one.quality, one.latency_ms] for name, one in comparison.scores.items()},
            }
        )
    )


def measured(folder: Path, limit_mb: float) -> dict:
    """Train in a process of its own."""
    command = [sys.executable, __file__, "here", str(folder), "--memory-limit-mb", str(limit_mb)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(ended.stdout.splitlines()[-1])


def times(arguments: argparse.Namespace) -> dict:
    """Measure training on tables of several sizes."""
    found = []
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory(dir=arguments.work) as work:
            folder = Path(work, "profile")
            start = time.perf_counter()
            SimulatedProfile(Simulation(rows, arguments.variants, arguments.evidence)).write(folder)
            size_mb = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
            print(f"{rows:,} rows: written in {time.perf_counter() - start:.0f} s, {size_mb:.0f} MB", flush=True)
            one = measured(folder, arguments.memory_limit_mb)
            found.append({"rows": rows, "table_mb": size_mb, **one})
            print(json.dumps(found[-1]), flush=True)
            shutil.rmtree(folder)
    return {"simulated": ORIGIN, "variants": arguments.variants, "evidence": arguments.evidence, "found": found}


def qualities(arguments: argparse.Namespace) -> dict:
    """Compare training in batches with training in memory, on rows of another draw."""
    from large_tables_parts.quality import compared

    found = []
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory(dir=arguments.work) as work:
            for name, n, seed in (("train", rows, 0), ("judge", JUDGING_ROWS, 1)):
                simulation = Simulation(n, arguments.variants, arguments.evidence, seed)
                # the variants are those of the first seed: only the rows are drawn anew
                SimulatedProfile(simulation, variants_seed=0).write(Path(work, name))
            one = compared(Path(work, "train"), Path(work, "judge"), arguments.memory_limit_mb)
            found.append({"rows": rows, **one})
    return {"simulated": ORIGIN, "variants": arguments.variants, "found": found}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("time", "quality", "here", "write"))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--variants", type=int, default=100)
    parser.add_argument("--evidence", action="store_true")
    parser.add_argument("--memory-limit-mb", type=float, default=2000.0)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.what == "here":
        train_here(arguments.folder, arguments.memory_limit_mb)
        return
    if arguments.what == "write":
        SimulatedProfile(Simulation(arguments.rows[0], arguments.variants, arguments.evidence)).write(arguments.folder)
        return
    found = qualities(arguments) if arguments.what == "quality" else times(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
