"""Measure the peak memory and the load time of a choice, in a process of its own that loads and runs it."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from compsel.errors import ProfileError
from compsel.extending import environment
from compsel.inputs.feeds_file import write_feeds_file
from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.processors.base import Processor
from compsel.profiling.choices import Choices
from compsel.profiling.graph_feeds import synthetic_graph_feeds
from compsel.profiling.memory_table import memory_of_this_device, write_memory
from compsel.progress import SILENT, Reporter
from compsel.variants.variant import Variant

__all__ = ["ProcessStart", "measure_memory", "measure_start", "write_feeds"]

_CODE = """
import json, sys, time
from compsel.device.resident_memory import peak_bytes
from compsel.inputs.feeds_file import read_feeds
from compsel.processors import parse
processor = parse(sys.argv[2])
begin = time.perf_counter_ns()
session = processor.open(sys.argv[1])
load_ms = (time.perf_counter_ns() - begin) / 1e6
feeds = read_feeds(sys.argv[3])
for _ in range(2):
    session.run(feeds)
print(json.dumps([load_ms, peak_bytes() / 1e6]))
"""


@dataclass(frozen=True, slots=True)
class ProcessStart:
    """Load time and peak memory of a process that runs one choice.

    Attributes:
        load_ms: to open the session, the file read from the system's cache where it is there.
        peak_mb: the most resident memory, the interpreter's own included.

    >>> ProcessStart(load_ms=12.5, peak_mb=80.0).peak_mb
    80.0
    """

    load_ms: float
    peak_mb: float


def measure_memory(
    choices: Choices, folder: Path, samples: Samples | None = None, reporter: Reporter = SILENT
) -> dict[tuple[str, str], float]:
    """Measure the peak resident memory (MB, the interpreter's own included) of every choice, and store it.

    Args:
        choices: what to measure.
        folder: of the profile; what this device measured there with the same files is kept.
        samples: the first is what is run; None: numbers in the shapes of the inputs.
        reporter: of progress.

    Raises:
        ProfileError: a choice that did not run.
    """
    if not len(choices):
        raise ProfileError("no choices to measure: give variants and processors")
    known = memory_of_this_device(folder)
    measured: dict[tuple[str, str, str], float] = {}
    for variant, processor in reporter.track(list(choices), "memory"):
        key = (variant.name, variant.sha256, processor.name)
        measured[key] = known[key] if key in known else _measure(choices.files, variant, processor, samples)
    write_memory(folder, measured)
    return {(name, word): value for (name, _, word), value in measured.items()}


def write_feeds(path: Path, variant: Variant, samples: Samples | None) -> None:
    """Store what the graph is fed as `.npz`: every input is as large as that of the first sample.

    Raises:
        InputError: samples of another modality than the variant's.
    """
    if samples is None:
        feeds = synthetic_graph_feeds(variant)
    else:
        feeds = modality_of(variant).graph_feeds(variant, samples.value(0))
    write_feeds_file(path, feeds)


def _measure(files: Path, variant: Variant, processor: Processor, samples: Samples | None) -> float:
    with tempfile.TemporaryDirectory(prefix="compsel-") as temporary:
        feeds = Path(temporary) / "feeds.npz"
        write_feeds(feeds, variant, samples)
        return measure_start(files / variant.graph_file, processor, feeds).peak_mb


def measure_start(file: Path, processor: Processor, feeds: Path) -> ProcessStart:
    """Load a graph and run it twice in a process of its own.

    Args:
        file: the ONNX file.
        processor: where to run it.
        feeds: `.npz` that `write_feeds` wrote.

    Raises:
        ProfileError: it did not run.
    """
    command = [sys.executable, "-c", _CODE, str(file), processor.name, str(feeds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise ProfileError(f"{file.name} on {processor.name} did not run in a process of its own: {reason[0]}")
    load_ms, peak_mb = json.loads(done.stdout.splitlines()[-1])
    return ProcessStart(float(load_ms), float(peak_mb))
