"""What spreading work costs and gains: overhead of an empty shard by engine, and wall time of quality and compress.

Whether the engines give the same tables and the same variants, byte for byte, is said too (`same_files`).

Engines take turns in each round, so that only ratios of medians are to be quoted where the machine is not idle. Dask
and Ray run on this machine. The work is MobileNet V1 (seeded weights) on made-up images.

    python benchmarks/backends.py --json backends.json
    python benchmarks/backends.py --engine local:2 --engine dask:2 --rounds 3
"""

import argparse
import contextlib
import hashlib
import json
import logging
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from compsel.inputs.samples import ArraySamples
from compsel.networks import build
from compsel.parallel.backend import Backend
from compsel.parallel.engines.joblib_processes import end_processes
from compsel.parallel.shards import Shard, run_shards, shard_name
from compsel.processors import CpuProcessor
from compsel.profiling.quality import measure_quality
from compsel.storage.files import write_json
from compsel.techniques import parse
from compsel.variants.compress import compress
from compsel.variants.variant import Variant
from compsel.variants.writer import write_variant

ENGINES = ("local:1", "local:2", "dask:1", "dask:2", "dask:4", "ray:2")
TECHNIQUES = ("none", "float16", "int8-static", "int8-dynamic", "int8-weight", "int4-weight", "cluster", "prune")


@contextlib.contextmanager
def engine(word: str) -> Iterator[Backend]:
    """Give a backend by its word, and end what was started for it."""
    kind, _, count = word.partition(":")
    if kind == "local":
        yield Backend.local(int(count))
    elif kind == "dask":
        from distributed import LocalCluster

        with LocalCluster(
            n_workers=int(count),
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
            host="127.0.0.1",
        ) as cluster:
            yield Backend.dask(cluster.scheduler_address)
    else:
        import ray

        ray.init(
            num_cpus=int(count), include_dashboard=False, log_to_driver=False, logging_level="ERROR",
            object_store_memory=200_000_000,
        )  # fmt: skip
        try:
            yield Backend.ray()
        finally:
            ray.shutdown()


def nothing(common: None, path: Path, number: int) -> None:
    """Write a shard that holds only its number."""
    write_json(path, number)


def empty_shards(backend: Backend, count: int) -> float:
    """Return the milliseconds that an empty shard takes."""
    with tempfile.TemporaryDirectory() as folder:
        shards = [Shard(Path(folder) / shard_name("empty", n), f"shard {n}", (n,)) for n in range(count)]
        begin_s = time.perf_counter()
        run_shards(nothing, None, shards, backend)
        return (time.perf_counter() - begin_s) * 1e3 / count


class Work:
    """A model, its variants and images."""

    def __init__(self, folder: Path, images: int) -> None:
        generator = np.random.default_rng(0)
        self.model = build("mobilenet-v1", width=1.0, resolution=128, classes=100)
        values = [generator.integers(0, 255, (160, 160, 3), np.uint8) for _ in range(images)]
        self.samples = ArraySamples(values, labels=[n % 100 for n in range(images)])
        self.files = folder
        lower = [self.model, *(parse(f"resolution:{side}").apply(self.model, None) for side in (112, 96, 80))]
        self.variants: list[Variant] = [write_variant(one, folder, "logits") for one in lower]

    def quality(self, backend: Backend) -> tuple[float, dict[str, str]]:
        """Return the seconds of judging the variants on the images, and the hashes of the tables."""
        with tempfile.TemporaryDirectory() as folder:
            begin_s = time.perf_counter()
            measure_quality(self.variants, self.files, self.samples, Path(folder), CpuProcessor(1), backend=backend)
            return time.perf_counter() - begin_s, hashes(Path(folder))

    def compress(self, backend: Backend) -> tuple[float, dict[str, str]]:
        """Return the seconds of compressing the model, and the hashes of the variants."""
        with tempfile.TemporaryDirectory() as folder:
            begin_s = time.perf_counter()
            few = self.samples.spread(32)
            compress([self.model], [parse(spec) for spec in TECHNIQUES], few, folder, backend=backend)
            return time.perf_counter() - begin_s, hashes(Path(folder))


def hashes(folder: Path) -> dict[str, str]:
    """Return the hash of every table and every variant; parts that it was put together from are left out."""
    paths = [path for path in folder.rglob("*") if path.suffix in (".parquet", ".onnx") and "shards" not in path.parts]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)}


def measure(words: list[str], rounds: int, count: int, images: int) -> dict[str, Any]:
    found: dict[str, dict[str, list[float]]] = {
        word: {"start_s": [], "empty_shard_ms": [], "quality_s": [], "compress_s": []} for word in words
    }
    files: dict[str, dict[str, str]] = {}
    different: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Path(folder), images)
        for _ in range(rounds):
            for word in words:
                begin_s = time.perf_counter()
                with engine(word) as backend:
                    # the modules that the work needs are imported in every worker
                    run_shards(_imports, None, _warm(Path(folder)), backend)
                    found[word]["start_s"].append(time.perf_counter() - begin_s)
                    found[word]["empty_shard_ms"].append(empty_shards(backend, count))
                    for name, run in (("quality_s", work.quality), ("compress_s", work.compress)):
                        seconds, written = run(backend)
                        found[word][name].append(seconds)
                        files.setdefault(name, written)
                        expected = files[name]
                        different.update(f"{word}: {one}" for one in expected if expected[one] != written.get(one))
                end_processes()
    medians = {word: {name: median(values) for name, values in one.items()} for word, one in found.items()}
    return {"engines": medians, "same_files": sum(map(len, files.values())), "other_files": sorted(different)}


def _warm(folder: Path) -> list[Shard]:
    return [Shard(folder / f"warm-{time.perf_counter_ns()}-{n}", f"warm {n}", (n,)) for n in range(8)]


def _imports(common: None, path: Path, number: int) -> None:
    import compsel.profiling.quality
    import compsel.variants.compress  # noqa: F401 - only what importing takes counts

    time.sleep(0.1)  # long enough for each worker to get one
    write_json(path, number)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", action="append", metavar="E", help=f"repeatable (default: {', '.join(ENGINES)})")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shards", type=int, default=200, help="empty ones a round")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = measure(arguments.engine or list(ENGINES), arguments.rounds, arguments.shards, arguments.images)
    for word, values in found["engines"].items():
        print(f"{word:8}", ", ".join(f"{name} {value:.2f}" for name, value in values.items()))
    print(f"{found['same_files']} files of every engine, others than the first one's: {found['other_files'] or 'none'}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
