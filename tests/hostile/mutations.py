"""Bundles as an attacker, or a bad disk, would leave them: each mutation is listed anew in the manifest.

    python -m tests.hostile.mutations BUNDLE --count 10000

mutates a bundle so many times, loads each, lets it answer, and prints what came of it: none may end in anything but an
answer or one of the package's own errors.
"""

import argparse
import collections
import json
import shutil
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import compsel
from compsel.bundle.manifest import MANIFEST, write_manifest
from compsel.errors import CompselError

__all__ = ["mutate", "outcome"]

_IMAGE = np.random.default_rng(0).integers(0, 256, (80, 64, 3), np.uint8)
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2.5, -0.5, 1e308, 1e-320, 2**63, 10**30, "", "x", "../../etc/passwd", "cpu:0",
    "\u0000", "cpu:1", [], {}, [[]], [None], {"a": 1}, [1, 2, 3], "none", "logits", "other", ["cpu:1", "cpu:1"],
)  # fmt: skip
_RAW = ('"\ud800"', "NaN", "Infinity", "-Infinity", "1e999", "1" * 5000, '{"a": 1, "a": 2}', "[" * 9000 + "]" * 9000)


def mutate(bundle: Path, source: np.random.Generator) -> str:
    """Change one thing in a bundle, list its files anew, and return what was changed."""
    files = sorted(path for path in bundle.rglob("*") if path.is_file() and path.name != MANIFEST)
    texts = [path for path in files if path.suffix == ".json"]
    if source.random() < 0.8:
        path = _choice(source, texts)
        said = _mutate_json(path, source)
    else:
        path = _choice(source, files)
        said = _mutate_bytes(path, source)
    write_manifest(bundle, "0")
    if source.random() < 0.1:
        path, said = bundle / MANIFEST, _mutate_json(bundle / MANIFEST, source)
    return f"{path.relative_to(bundle)}: {said}"


def outcome(bundle: Path) -> str:
    """Load a bundle, answer an input, and return what came of it: "answer", or the name of the error.

    Raises:
        Exception: anything that is none of the package's own errors.
    """
    try:
        with compsel.load(bundle) as runtime:
            runtime(_IMAGE)
            runtime(_IMAGE, deadline_ms=5.0)
        return "answer"
    except CompselError as error:
        return type(error).__name__


def _choice(source: np.random.Generator, among: Sequence[Any]) -> Any:
    return among[int(source.integers(len(among)))]


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a JSON document with each of its keys."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield content, key
        yield from _places(value)


def _mutate_json(path: Path, source: np.random.Generator) -> str:
    content = json.loads(path.read_text())
    places = list(_places(content))
    container, key = _choice(source, places)
    before = container[key]
    kind = _choice(source, ("odd", "odd", "odd", "delete", "other", "double", "raw"))
    if kind == "delete":
        del container[key]
    elif kind == "other":
        other = _choice(source, places)
        container[key] = json.loads(json.dumps(other[0].get(other[1]) if isinstance(other[0], dict) else other[0]))
    elif kind == "double" and isinstance(container, list):
        container.append(before)
    else:
        container[key] = _choice(source, _ODD)
    text = json.dumps(content)
    if kind == "raw":
        container[key] = "RAW"
        text = json.dumps(content).replace('"RAW"', _choice(source, _RAW), 1)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return f"{kind} {key!r}"


def _mutate_bytes(path: Path, source: np.random.Generator) -> str:
    content = bytearray(path.read_bytes())
    kind = _choice(source, ("flip", "cut", "grow", "empty", "zeros"))
    place = int(source.integers(max(1, len(content))))
    if kind == "flip" and content:
        for _ in range(_choice(source, (1, 1, 8, 64))):
            content[int(source.integers(len(content)))] ^= 1 << int(source.integers(8))
    elif kind == "cut":
        del content[place:]
    elif kind == "grow":
        content += source.bytes(64)
    elif kind == "empty":
        content.clear()
    else:
        content[place : place + 64] = bytes(len(content[place : place + 64]))
    path.write_bytes(content)
    return kind


def main() -> int:
    """Mutate, and print a table of what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.count):
            bundle = Path(folder) / "bundle"
            shutil.copytree(given.bundle, bundle)
            said = mutate(bundle, np.random.default_rng(given.seed + number))
            begin = time.perf_counter()
            try:
                found[outcome(bundle)] += 1
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                found[f"UNTYPED {type(error).__name__}"] += 1
                frame = traceback.extract_tb(error.__traceback__)[-1]
                print(f"{given.seed + number}: {said}: {error!r} at {frame.filename}:{frame.lineno}", flush=True)
            slowest = max(slowest, time.perf_counter() - begin)
            shutil.rmtree(bundle)
    for name, count in found.most_common():
        print(f"{name}\t{count}")
    print(f"slowest\t{slowest:.2f} s")
    return 1 if any(name.startswith("UNTYPED") for name in found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
