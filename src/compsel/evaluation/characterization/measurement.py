"""Measure one row: size, load time, peak memory, latency beside the uncompressed model, and why it is not faster."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from compsel.device.energy import Meter, idle_power_mw, measure_energy
from compsel.device.fingerprint import device_fingerprint
from compsel.errors import ModelError
from compsel.evaluation.characterization.rows import Row
from compsel.evaluation.confidence_intervals import Estimate
from compsel.inputs.samples import Samples
from compsel.models.complexity import macs
from compsel.models.model import Model
from compsel.models.pixel_input import PIXELS
from compsel.processors import CpuProcessor
from compsel.processors.base import Processor
from compsel.profiling.latency import Criterion
from compsel.profiling.memory import measure_start, write_feeds
from compsel.profiling.operator_profile import measure_operators
from compsel.profiling.paired_timer import Pair, measure_pair
from compsel.profiling.slowdown_causes import Run, slowdown_causes
from compsel.techniques.base import Technique
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant
from compsel.variants.writing import write_variant

__all__ = ["Subject", "measure_row", "quality_size"]

_LATENCY_SAMPLES = 16
_LEAST_SAMPLES = 16
# what is faster than this needs no explanation
_NOT_FASTER = 0.97


@dataclass
class Subject:
    """A variant on disk, with the model that it was written from.

    Attributes:
        model: graph and weights.
        variant: its files.
        files: their folder.
        compress_s: what making it took.
    """

    model: Model
    variant: Variant
    files: Path
    compress_s: float
    _run: Run | None = None

    @classmethod
    def make(
        cls,
        model: Model,
        technique: Technique,
        calibration: Samples,
        files: Path,
        output: Literal["logits", "probabilities", "other"],
    ) -> "Subject":
        """Compress a model and write the variant.

        Raises:
            NotApplicableError: the technique does nothing for this model.
            TechniqueError, ModelError: it failed.
        """
        begin = time.perf_counter()
        compressed = technique.apply(model, calibration)
        seconds = time.perf_counter() - begin
        return cls(compressed, write_variant(compressed, files, output), files, seconds)

    @property
    def graph(self) -> Path:
        """The graph that an app runs."""
        return self.files / (self.variant.pixels_file or self.variant.tensor_file)

    def run_of(self, feeds: dict[str, np.ndarray]) -> Run:
        """Return which operators run on the CPU, measured once."""
        if self._run is None:
            self._run = Run(measure_operators(self.graph, feeds), macs(self.model) or None)
        return self._run


def quality_size(engine: Engine, samples: Samples, budget_s: float) -> int:
    """Return how many samples an engine answers within a budget, reading them included; 16 at least."""
    begin = time.perf_counter()
    engine(samples.value(0))
    begin = time.perf_counter()
    for index in range(min(3, len(samples))):
        engine(samples.value(index))
    each = (time.perf_counter() - begin) / min(3, len(samples))
    return min(len(samples), max(_LEAST_SAMPLES, int(budget_s / each)))


def measure_row(
    subject: Subject,
    original: Subject,
    processor: Processor,
    samples: Samples,
    criterion: Criterion,
    meter: Meter | None = None,
) -> Row:
    """Measure what a variant costs on a processor.

    Args:
        subject: the variant; `original` itself for the uncompressed model.
        original: the uncompressed model.
        processor: where to run.
        samples: inputs for the timed runs.
        criterion: when a latency is known well enough.
        meter: of energy, open; None: no energy is measured.

    Raises:
        ModelError, ProcessorError, ProfileError: it does not run there.
    """
    with TemporaryDirectory(prefix="compsel-") as temporary:
        feeds = Path(temporary) / "feeds.npz"
        write_feeds(feeds, subject.variant, samples)
        start = measure_start(subject.graph, processor, feeds)
    pair, energy_mj = _pair(subject, original, processor, samples, criterion, meter)
    ratio = pair.ratio()
    latencies = pair.variant_ms
    mean = float(latencies.mean())
    half_width = 1.96 * float(latencies.std(ddof=1)) / len(latencies) ** 0.5
    p50, p95 = np.quantile(latencies, [0.5, 0.95])
    row = Row(
        subject.variant.model,
        subject.variant.technique,
        processor.name,
        size_mb=subject.variant.size_bytes / 1e6,
        compress_s=subject.compress_s,
        load_ms=start.load_ms,
        peak_mb=start.peak_mb,
        runs=len(latencies),
        latency_ms=Estimate(mean, mean - half_width, mean + half_width),
        p50_ms=float(p50),
        p95_ms=float(p95),
        ratio=Estimate(ratio.value, ratio.low, ratio.high),
        energy_mj=energy_mj,
        meter=meter.name if meter else "",
    )
    if subject is original or ratio.value < _NOT_FASTER or processor.provider != CpuProcessor(1).provider:
        return row
    return replace(row, why=_why(subject, original, samples))


def _pair(
    subject: Subject,
    original: Subject,
    processor: Processor,
    samples: Samples,
    criterion: Criterion,
    meter: Meter | None,
) -> tuple[Pair, float | None]:
    values = [samples.value(index) for index in samples.spread(_LATENCY_SAMPLES).indices]
    engines = []
    try:
        engines.append(Engine(original.variant, original.files, processor))
        if subject is not original:
            engines.append(Engine(subject.variant, subject.files, processor))
        pair = measure_pair(engines[0], engines[-1], values, criterion)
        return pair, None if meter is None else _energy_mj(engines[-1], values[0], meter)
    finally:
        for engine in engines:
            engine.close()


def _energy_mj(engine: Engine, value: Any, meter: Meter) -> float:
    return measure_energy(lambda: engine(value), meter, idle_power_mw(meter)).energy_mj


def _why(subject: Subject, original: Subject, samples: Samples) -> str:
    """Say why a variant is no faster; "" where the runtime's profiler cannot run it."""
    try:
        runs = [one.run_of(_feeds(one.variant, samples)) for one in (subject, original)]
    except ModelError:
        return ""
    return slowdown_causes(runs[0], runs[1], device_fingerprint()["instruction_sets"])


def _feeds(variant: Variant, samples: Samples) -> dict[str, np.ndarray]:
    value = samples.value(0)
    if not isinstance(value, np.ndarray):
        return dict(value)
    assert variant.preprocessing is not None
    return {PIXELS: variant.preprocessing.pixels(value)[None]}
