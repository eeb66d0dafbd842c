"""Measure the peak memory and the load time of a choice: in a process of its own, which loads and runs it."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from compsel.errors import ProfileError
from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.inputs.synthetic_feeds import synthetic_feeds
from compsel.processors.base import Processor
from compsel.profiling.profile import device_text, read_table, write_table
from compsel.variants.variant import Variant

__all__ = ["Start", "measure_memory", "measure_start", "write_feeds"]

# A process takes the peak in `getrusage` over from the one that started it, on Linux even across exec; the high water
# mark of its own memory is in /proc there.
_CODE = """
import json, sys, time
import numpy as np
from compsel.processors import parse
processor = parse(sys.argv[2])
begin = time.perf_counter_ns()
session = processor.open(sys.argv[1])
load_ms = (time.perf_counter_ns() - begin) / 1e6
with np.load(sys.argv[3]) as feeds:
    feeds = dict(feeds)
for _ in range(2):
    session.run(feeds)
if sys.platform == "linux":
    with open("/proc/self/status") as stream:
        peak = next(int(line.split()[1]) * 1024 for line in stream if line.startswith("VmHWM"))
elif sys.platform == "win32":
    import psutil
    peak = psutil.Process().memory_info().peak_wset
else:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([load_ms, peak / 1e6]))
"""

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Start:
    """What a process that runs one choice needs.

    Attributes:
        load_ms: to open the session, the file read from the system's cache where it is there.
        peak_mb: the most resident memory, the interpreter's own included.

    >>> Start(load_ms=12.5, peak_mb=80.0).peak_mb
    80.0
    """

    load_ms: float
    peak_mb: float


def measure_memory(
    variants: Sequence[Variant],
    processors: Sequence[Processor],
    files: Path,
    folder: Path,
    samples: Samples | None = None,
) -> dict[tuple[str, str], float]:
    """Measure the peak resident memory (MB, the interpreter's own included) of every choice, and store it.

    Args:
        variants: what to run.
        processors: where to run it.
        files: folder of the variants' files.
        folder: of the profile; what this device measured there with the same files is kept.
        samples: the first is what is run; None: numbers in the shapes of the inputs.

    Raises:
        ProfileError: a choice that did not run.
    """
    path, device = folder / "memory.parquet", device_text()
    known = _known(path, device)
    measured: dict[Key, float] = {}
    for variant in variants:
        missing = [processor for processor in processors if (*_key(variant), processor.name) not in known]
        with tempfile.TemporaryDirectory(prefix="compsel-") as temporary:
            feeds = Path(temporary) / "feeds.npz"
            if missing:
                write_feeds(feeds, variant, samples)
            for processor in processors:
                key = (*_key(variant), processor.name)
                measured[key] = known[key] if key in known else _measure(files / _graph(variant), processor, feeds)
    if not measured:
        raise ProfileError("no choices to measure: give variants and processors")
    _store(path, measured, device)
    return {(name, word): value for (name, _, word), value in measured.items()}


def _key(variant: Variant) -> tuple[str, str]:
    return variant.name, variant.sha256


def _graph(variant: Variant) -> str:
    return variant.pixels_file or variant.tensor_file


def _known(path: Path, device: str) -> dict[Key, float]:
    if not path.exists():
        return {}
    try:
        columns, metadata = read_table(path)
    except ProfileError:
        return {}
    if metadata.get("device") != device or columns.keys() != {"variant", "sha256", "processor", "peak_mb"}:
        return {}
    keys = zip(columns["variant"], columns["sha256"], columns["processor"], strict=True)
    return dict(zip(keys, map(float, columns["peak_mb"]), strict=True))


def _store(path: Path, measured: dict[Key, float], device: str) -> None:
    names, shas, words = zip(*measured, strict=True)
    columns = {"variant": list(names), "sha256": list(shas), "processor": list(words)}
    write_table(path, {**columns, "peak_mb": np.array(list(measured.values()))}, {"device": device})


def write_feeds(path: Path, variant: Variant, samples: Samples | None) -> None:
    """Store what the graph is fed as `.npz`: every input is as large as that of the first sample.

    Raises:
        InputError: samples of another modality than the variant's.
    """
    modality = modality_of(variant)
    if samples is not None:
        feeds = modality.graph_feeds(variant, samples.value(0))
    else:
        feeds = synthetic_feeds(modality.graph_inputs(variant), seed=0)
    # texts as fixed-length ones: objects would have to be pickled
    plain = {name: np.asarray(feed, np.str_) if feed.dtype.hasobject else feed for name, feed in feeds.items()}
    np.savez(path, **plain)  # type: ignore[arg-type]  # any of the names could be its option `allow_pickle`


def _measure(file: Path, processor: Processor, feeds: Path) -> float:
    return measure_start(file, processor, feeds).peak_mb


def measure_start(file: Path, processor: Processor, feeds: Path) -> Start:
    """Load a graph and run it twice in a process of its own.

    Args:
        file: the ONNX file.
        processor: where to run it.
        feeds: `.npz` that `write_feeds` wrote.

    Raises:
        ProfileError: it did not run.
    """
    command = [sys.executable, "-c", _CODE, str(file), processor.name, str(feeds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise ProfileError(f"{file.name} on {processor.name} did not run in a process of its own: {reason[0]}")
    load_ms, peak_mb = json.loads(done.stdout.splitlines()[-1])
    return Start(float(load_ms), float(peak_mb))
