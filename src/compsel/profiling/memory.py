"""Measure the peak memory of a choice: in a process of its own, which loads the variant and runs it once."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from compsel.errors import CompselError, ProfileError
from compsel.processors.base import Processor
from compsel.profiling.tables import read_table, write_table
from compsel.variant import Variant

__all__ = ["measure_memory"]

_CODE = """
import json, resource, sys
import numpy as np
from compsel.processors import parse
session = parse(sys.argv[2]).open(sys.argv[1])
for _ in range(2):
    feeds = {}
    for spec in session.inputs:
        shape = [axis or 1 for axis in spec.shape or ()]
        feeds[spec.name] = np.full(shape, "", object) if spec.dtype == "string" else np.zeros(shape, spec.dtype)
    session.run(feeds)
scale = 1 if sys.platform == "darwin" else 1024
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e6))
"""


def measure_memory(
    variants: Sequence[Variant], processors: Sequence[Processor], files: Path, folder: Path
) -> dict[tuple[str, str], float]:
    """Measure the peak resident memory (MB, the interpreter's own included) of every choice, and store it.

    Raises:
        ProfileError: a choice that did not run.
    """
    path = folder / "memory.parquet"
    known = _known(path)
    measured = {}
    for variant in variants:
        for processor in processors:
            key = (variant.name, variant.sha256, processor.name)
            measured[key] = known.get(key) or _measure(files / (variant.pixels_file or variant.tensor_file), processor)
    names, shas, words = zip(*measured, strict=True)
    write_table(
        path,
        {
            "variant": list(names),
            "sha256": list(shas),
            "processor": list(words),
            "peak_mb": np.array(list(measured.values())),
        },
    )
    return {(name, word): value for (name, _, word), value in measured.items()}


def _known(path: Path) -> dict[tuple[str, str, str], float]:
    if not path.exists():
        return {}
    try:
        columns, _ = read_table(path)
    except CompselError:
        return {}
    keys = zip(columns["variant"], columns["sha256"], columns["processor"], strict=True)
    return dict(zip(keys, map(float, columns["peak_mb"]), strict=True))


def _measure(file: Path, processor: Processor) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _CODE, str(file), processor.name], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise ProfileError(f"{file.name} on {processor.name} did not run in a process of its own: {reason[0]}")
    return float(json.loads(done.stdout.splitlines()[-1]))
