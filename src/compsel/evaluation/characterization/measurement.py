"""Measure one row: size, load time, peak memory, latency beside the uncompressed model, and why it is not faster."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from compsel.device.energy import Meter, idle_power_mw, measure_energy
from compsel.device.fingerprint import device_fingerprint
from compsel.errors import ModelError
from compsel.evaluation.characterization.rows import Row
from compsel.inputs.modalities import modality_of
from compsel.inputs.samples import Samples
from compsel.processors import CpuProcessor
from compsel.processors.base import Processor
from compsel.profiling.confidence_intervals import normal_mean
from compsel.profiling.decoding import ready_values
from compsel.profiling.latency import Criterion
from compsel.profiling.memory import measure_start, write_feeds
from compsel.profiling.operator_profile import OperatorProfile, profile_variant
from compsel.profiling.paired_timer import PairedLatencies, measure_pair
from compsel.profiling.slowdown_causes import slowdown_causes
from compsel.variants.engine import Engine
from compsel.variants.variant import Variant

__all__ = ["VariantUnderTest", "count_affordable_samples", "measure_row"]

_LATENCY_SAMPLES = 16
_LEAST_SAMPLES = 16
# what is faster than this needs no explanation
_NOT_FASTER = 0.97


@dataclass
class VariantUnderTest:
    """A variant on disk.

    Attributes:
        variant: its description.
        files: folder of its files.
        compress_s: what making it took.

    >>> from compsel.inputs.tensor_specs import TensorSpec
    >>> spec = TensorSpec("x", "float32", (1, 2))
    >>> variant = Variant("a/none", "a", "none", "a.onnx", None, None, "0", 9, (spec,), (spec,), None, "logits")
    >>> VariantUnderTest(variant, Path("variants"), compress_s=0.5).variant.name
    'a/none'
    """

    variant: Variant
    files: Path
    compress_s: float
    _profile: OperatorProfile | None = None

    def profile(self, samples: Samples) -> OperatorProfile:
        """Return which operators run on the CPU for the first sample, measured once."""
        if self._profile is None:
            self._profile = profile_variant(
                self.variant, self.files, modality_of(self.variant).graph_feeds(self.variant, samples.value(0))
            )
        return self._profile


def count_affordable_samples(engine: Engine, samples: Samples, budget_s: float) -> int:
    """Return how many samples an engine answers within a budget, reading them included; 16 at least."""
    engine(samples.value(0))
    begin = time.perf_counter()
    for index in range(min(3, len(samples))):
        engine(samples.value(index))
    each_s = (time.perf_counter() - begin) / min(3, len(samples))
    return min(len(samples), max(_LEAST_SAMPLES, int(budget_s / each_s)))


def measure_row(
    subject: VariantUnderTest,
    original: VariantUnderTest,
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
        start = measure_start(subject.files / subject.variant.graph_file, processor, feeds)
    pair, energy_mj = _run_in_turns(subject, original, processor, samples, criterion, meter)
    p50, p95 = np.quantile(pair.variant_ms, [0.5, 0.95])
    row = Row(
        subject.variant.model,
        subject.variant.technique,
        processor.name,
        size_mb=subject.variant.size_bytes / 1e6,
        compress_s=subject.compress_s,
        load_ms=start.load_ms,
        peak_mb=start.peak_mb,
        runs=len(pair.variant_ms),
        latency_ms=normal_mean(pair.variant_ms),
        p50_ms=float(p50),
        p95_ms=float(p95),
        ratio=(ratio := pair.ratio()),
        energy_mj=energy_mj,
        meter=meter.name if meter else "",
    )
    if subject is original or ratio.value < _NOT_FASTER or processor.provider != CpuProcessor(1).provider:
        return row
    return replace(row, why=_why(subject, original, samples))


def _run_in_turns(
    subject: VariantUnderTest,
    original: VariantUnderTest,
    processor: Processor,
    samples: Samples,
    criterion: Criterion,
    meter: Meter | None,
) -> tuple[PairedLatencies, float | None]:
    """Return the latencies of both, and the energy (mJ) of one inference of the variant."""
    values = ready_values(samples, _LATENCY_SAMPLES, [original.variant, subject.variant])
    engines = []
    try:
        engines.append(Engine(original.variant, original.files, processor))
        if subject is not original:
            engines.append(Engine(subject.variant, subject.files, processor))
        pair = measure_pair(engines[0], engines[-1], values, criterion)
        return pair, None if meter is None else _energy_mj(lambda: engines[-1](values[0]), meter)
    finally:
        for engine in engines:
            engine.close()


def _energy_mj(run: Callable[[], Any], meter: Meter) -> float:
    return measure_energy(run, meter, idle_power_mw(meter)).energy_mj


def _why(subject: VariantUnderTest, original: VariantUnderTest, samples: Samples) -> str:
    """Return the causes for a variant's being no faster; "" where the runtime's profiler cannot run it."""
    try:
        profiles = [one.profile(samples) for one in (subject, original)]
    except ModelError:
        return ""
    return slowdown_causes(profiles[0], profiles[1], device_fingerprint()["instruction_sets"])
