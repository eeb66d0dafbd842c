"""How long a bundle, or a single session, takes from loading to its first answer, and the memory that this takes."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from compsel.bundle.bundle import Bundle
from compsel.errors import CompselError
from compsel.extending import environment
from compsel.inputs.feeds_file import write_feeds_file
from compsel.inputs.synthetic_feeds import synthetic_feeds
from compsel.variants.variant import Variant

__all__ = ["StartUp", "bundle_start_up", "session_start_up"]

# what is imported is the same for both, and no part of it: an app has imported what it needs before it loads a model
_CODE = """
import sys, time
import cv2, numpy as np, onnxruntime, psutil
from compsel.device.resident_memory import peak_bytes
from compsel.inputs.feeds_file import read_feeds
from compsel.models.ort_options import session_options
from compsel.runtime.loading import load
feeds = read_feeds(sys.argv[3])
before = psutil.Process().memory_info().rss
begin = time.perf_counter_ns()
if sys.argv[1] == "bundle":
    load(sys.argv[2]).run(None, feeds)
else:
    onnxruntime.InferenceSession(sys.argv[2], session_options(int(sys.argv[4]), spinning=True)).run(None, feeds)
print([(time.perf_counter_ns() - begin) / 1e6, (peak_bytes() - before) / 1e6])
"""
_TIMES = 2  # the first one fills the system's cache of files
_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class StartUp:
    """What loading and one answer take, in a process of its own that has imported everything before.

    Attributes:
        first_answer_ms: from the call that loads to the first answer.
        memory_mb: peak of the resident memory, above what the process had before.

    >>> StartUp(first_answer_ms=80.0, memory_mb=40.0).memory_mb
    40.0
    """

    first_answer_ms: float
    memory_mb: float


def bundle_start_up(folder: Path) -> StartUp | None:
    """Load a bundle and answer once; None where that cannot be done with made-up inputs."""
    bundle = Bundle.load(folder)
    policy = bundle.policies["adaptive"]
    answering = bundle.variants[max(policy.variants, key=lambda name: bundle.quality[name])]
    return _measured(["bundle", str(folder)], answering)


def session_start_up(variant: Variant, files: Path, threads: int) -> StartUp | None:
    """Open one session of a variant and run it once; None where that cannot be done with made-up inputs."""
    return _measured(["session", str(files / variant.tensor_file), "", str(threads)], variant)


def _measured(words: list[str], variant: Variant) -> StartUp | None:
    try:
        feeds = synthetic_feeds(variant.inputs, seed=0)
    except CompselError:
        return None
    with tempfile.TemporaryDirectory(prefix="compsel-") as temporary:
        path = Path(temporary) / "feeds.npz"
        write_feeds_file(path, feeds)
        command = [sys.executable, "-c", _CODE, *words[:2], str(path), *words[3:]]
        figures = [_run(command) for _ in range(_TIMES)]
    found = [one for one in figures if one is not None]
    return min(found, key=lambda one: one.first_answer_ms) if found else None


def _run(command: list[str]) -> StartUp | None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S, env=environment()
        )
        first_answer_ms, memory_mb = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, IndexError, ValueError):
        return None
    return StartUp(first_answer_ms, memory_mb)
