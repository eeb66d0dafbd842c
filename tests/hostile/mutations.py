"""Bundles as an attacker, or a bad disk, would leave them: each mutation is listed anew in the manifest.

    python -m tests.hostile.mutations BUNDLE --count 10000 [--seed S] [--signed]

mutates a bundle so many times, loads each, lets it answer, and prints what came of it (`tests.hostile.mutation_run`):
none may end in anything but an answer or one of the package's own errors. With `--signed` the bundle was signed before,
and is loaded by who asks for that: then none may be answered.
"""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compsel.bundle.file_names import MANIFEST, SIGNATURE
from compsel.storage.files import sha256_file, write_json

__all__ = ["Mutation", "linked_copy", "mutate"]

_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2.5, -0.5, 1e308, 1e-320, 2**63, 10**30, "", "x", "../../etc/passwd", "cpu:0",
    "\u0000", "cpu:1", [], {}, [[]], [None], {"a": 1}, [1, 2, 3], "none", "logits", "other", ["cpu:1", "cpu:1"],
)  # fmt: skip
_RAW = ('"\ud800"', "NaN", "Infinity", "-Infinity", "1e999", "1" * 5000, '{"a": 1, "a": 2}', "[" * 9000 + "]" * 9000)


@dataclass(frozen=True)
class Mutation:
    """One change to one file of a bundle.

    Attributes:
        file: its path in the bundle.
        kind: of change: a word.
        place: keys from the top of a JSON document, numbers left out; "" in other files.
    """

    file: str
    kind: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.file}: {self.kind} {self.place}".rstrip()


def linked_copy(bundle: Path, target: Path) -> Path:
    """Copy a bundle without its bytes: `mutate` replaces files, it never writes into them."""
    return Path(shutil.copytree(bundle, target, copy_function=os.link))


def mutate(bundle: Path, source: np.random.Generator) -> Mutation:
    """Change one thing in a bundle, list the changed file anew, and return what was changed."""
    files = sorted(path for path in bundle.rglob("*") if path.is_file() and path.name != MANIFEST)
    texts = [path for path in files if path.suffix == ".json"]
    if source.random() < 0.8:
        path = _choice(source, texts)
        kind, place = _mutate_json(path, source)
    else:
        path, place = _choice(source, files), ""
        kind = _mutate_bytes(path, source)
    if path.name != SIGNATURE:
        manifest = json.loads((bundle / MANIFEST).read_text())
        listed = {"size_bytes": path.stat().st_size, "sha256": sha256_file(path)}
        manifest["files"][path.relative_to(bundle).as_posix()] = listed
        write_json(bundle / MANIFEST, manifest)
    if source.random() < 0.1:
        path = bundle / MANIFEST
        kind, place = _mutate_json(path, source)
    return Mutation(path.relative_to(bundle).as_posix(), kind, place)


def _choice(source: np.random.Generator, among: Sequence[Any]) -> Any:
    return among[int(source.integers(len(among)))]


def _places(content: Any, above: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Every container of a JSON document with each of its keys, and where that is."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        place = f"{above}.{key}".lstrip(".") if isinstance(key, str) else above
        yield content, key, place
        yield from _places(value, place)


def _mutate_json(path: Path, source: np.random.Generator) -> tuple[str, str]:
    content = json.loads(path.read_text())
    places = list(_places(content))
    container, key, place = _choice(source, places)
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
    _replace(path, text.encode("utf-8", "surrogatepass"))
    return kind, place


def _mutate_bytes(path: Path, source: np.random.Generator) -> str:
    content = bytearray(path.read_bytes())
    kind: str = _choice(source, ("flip", "cut", "grow", "empty", "zeros"))
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
        there = content[place : place + 64]
        # zeros in the place of zeros would be no mutation
        content[place : place + 64] = bytes(len(there)) if any(there) else b"\xff" * len(there)
    _replace(path, bytes(content))
    return kind


def _replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


if __name__ == "__main__":
    from tests.hostile.mutation_run import main

    raise SystemExit(main())
