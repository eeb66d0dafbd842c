"""Benchmark models as they are: warmed up until stable, in turns where there are several, the machine described."""

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from compsel.device.fingerprint import device_fingerprint
from compsel.device.sampler import read_state
from compsel.errors import CrashError, SamplesError, UsageError
from compsel.evaluation.perf.contender import Contender, Feeds
from compsel.evaluation.perf.result import PerfResult, PerfRow, latency_figures
from compsel.inputs.modalities import modality_of, open_samples
from compsel.inputs.samples import Samples
from compsel.models.file_outputs import with_file_outputs
from compsel.models.model import Model
from compsel.models.synthetic_inputs import synthetic_inputs
from compsel.processors import parse_available
from compsel.processors.trial import trial
from compsel.profiling.confidence_intervals import Estimate
from compsel.profiling.paired_timer import PairedLatencies
from compsel.progress import SILENT, Reporter

__all__ = ["perf"]

ModelOrPath = Model | str | os.PathLike[str]

_WATCH_S = 0.3
_MOST_FEEDS = 32
_LEAST_RUNS = 10
_WARM_UP_SHARE = 0.5
# a visit takes some runs in a row after one that fetches the weights into the caches; slow models have weights that no
# cache holds, and one run
_RUNS_PER_VISIT, _SLOW_MS = 3, 60.0


def perf(
    models: ModelOrPath | Sequence[ModelOrPath],
    *,
    processors: Sequence[str] = ("cpu:all",),
    samples: Samples | str | os.PathLike[str] | None = None,
    seconds: float = 5.0,
    memory: bool = True,
    reporter: Reporter = SILENT,
) -> PerfResult:
    """Benchmark models as they are, without compression.

    Each is warmed up until the median of its runs is stable. Several models or processors are timed in turns, so that
    what drifts on the machine hits all alike. An inference is timed from feeds in memory to outputs in memory.

    Args:
        models: ONNX files, or models.
        processors: where to run each.
        samples: what to feed, or where it is; None: made-up inputs.
        seconds: of timing, for each model on each processor.
        memory: whether to measure load time and peak memory too, in a process of its own each.
        reporter: of progress.

    Raises:
        ModelError, ProcessorError, SamplesError, InputError: what cannot be run.
        UsageError: no model, no processor, or no time.

    >>> import tempfile
    >>> from compsel.networks import build
    >>> path = build("mobilenet-v1", width=0.25, resolution=32).save(tempfile.mkdtemp() + "/small.onnx")
    >>> [row] = perf(path, processors=["cpu:1"], seconds=0.1, memory=False).rows
    >>> row.processor, row.latency_ms["p50"] <= row.latency_ms["p99"]
    ('cpu:1', True)
    """
    listed = [models] if isinstance(models, (Model, str, os.PathLike)) else list(models)
    if not (listed and processors):
        raise UsageError(f"perf: got {len(listed)} models and {len(processors)} processors: give at least one of each")
    if not 0 < seconds < math.inf:
        raise UsageError(f"seconds: got {seconds:g}, allowed is a number of seconds above 0")
    places = [parse_available(word) for word in processors]
    state = read_state(_WATCH_S)  # before anything runs
    with ExitStack() as stack:
        contenders: list[Contender] = []
        fed = ""
        for model in listed:
            name, file, feeds, fed = stack.enter_context(_opened(model, samples))
            for place in places:
                if ended := trial(place, file, feeds[0]):
                    raise CrashError(f"{name}: {ended}")
                session = place.open(file)
                stack.callback(session.close)
                contenders.append(Contender(name, file, place, session, feeds))
        for contender in reporter.track(contenders, "warming up"):
            contender.warm_up(max(0.2, _WARM_UP_SHARE * seconds))
        runs_per_visit = _time(contenders, seconds, reporter)
        rows = [_row(contender, contenders[0], runs_per_visit) for contender in contenders]
        if memory:
            pairs = reporter.track(list(zip(contenders, rows, strict=True)), "load time and memory")
            rows = [_with_start(contender, row) for contender, row in pairs]
    return PerfResult(tuple(rows), fed, device_fingerprint(), state.load_others, seconds)


@contextmanager
def _opened(
    given: ModelOrPath, samples: Samples | str | os.PathLike[str] | None
) -> Iterator[tuple[str, Path, list[Feeds], str]]:
    """Give the name of a model, its file, its feeds, and what they are."""
    model = given if isinstance(given, Model) else Model.load(given)
    feeds, fed = _feeds(model, samples)
    if not isinstance(given, Model):
        yield str(given), Path(given), feeds, fed
        return
    with TemporaryDirectory(prefix="compsel-") as folder:
        yield model.name, with_file_outputs(model).save(Path(folder) / "model.onnx"), feeds, fed


def _feeds(model: Model, samples: Samples | str | os.PathLike[str] | None) -> tuple[list[Feeds], str]:
    modality = modality_of(model)
    if samples is None:
        values, origin = list(synthetic_inputs(model)), "made-up inputs"
    else:
        opened = open_samples(samples, modality=modality)
        if not len(opened):
            raise SamplesError("perf: got no samples: give at least one, or none at all for made-up inputs")
        values = [sample.value for sample in opened.spread(min(_MOST_FEEDS, len(opened)))]
        origin = f"{len(values)} samples"
    feeds: list[Feeds] = [modality.feeds(model, value) for value in values]
    return feeds, f"{origin}, {_shapes(feeds)}"


def _shapes(feeds: Sequence[Mapping[str, np.ndarray]]) -> str:
    shown = []
    for name, first in feeds[0].items():
        lengths = {np.shape(feed[name]) for feed in feeds}
        texts = [str(shape).replace(" ", "") for shape in sorted(lengths)]
        kind = "string" if first.dtype.kind in "OU" else str(first.dtype)
        shown.append(f"{name} {kind} {texts[0]}" + (f" to {texts[-1]}" if len(texts) > 1 else ""))
    return ", ".join(shown)


def _time(contenders: Sequence[Contender], seconds: float, reporter: Reporter) -> int:
    """Time all in turns; return how many runs of one follow each other."""
    slowest_ms = max(latency_ms for one in contenders for latency_ms in one.window())
    runs, warm_up_runs = (1, 0) if slowest_ms > _SLOW_MS or len(contenders) == 1 else (_RUNS_PER_VISIT, 1)
    budget_s = seconds * len(contenders)
    started = time.perf_counter()

    def visits() -> Iterator[int]:
        number = 0
        while number * runs < _LEAST_RUNS or time.perf_counter() - started < budget_s:
            yield number
            number += 1

    for number in visits():
        # the order alternates, so that none always finds the caches of the same other
        for contender in contenders if number % 2 else list(reversed(contenders)):
            contender.time(number, runs, warm_up_runs)
    reporter.say(f"timed {len(contenders[0].latencies_ms)} runs of each in {time.perf_counter() - started:.1f} s")
    return runs


def _row(contender: Contender, first: Contender, runs_per_visit: int) -> PerfRow:
    figures = latency_figures(contender.latencies_ms)
    speedup = None
    if contender is not first:
        pair = PairedLatencies(np.array(first.latencies_ms), np.array(contender.latencies_ms), runs_per_visit)
        ratio = pair.ratio()
        speedup = Estimate(1 / ratio.value, 1 / ratio.high, 1 / ratio.low)
    weights = contender.file.with_name(f"{contender.file.name}.data")
    size = contender.file.stat().st_size + (weights.stat().st_size if weights.is_file() else 0)
    return PerfRow(
        model=contender.name,
        processor=contender.processor.name,
        latency_ms=figures,
        runs=len(contender.latencies_ms),
        warm_up_runs=contender.warm_up_runs,
        stable=contender.stable,
        throughput_per_s=1000 / figures["mean"],
        placement=contender.placement(),
        size_mb=size / 1e6,
        speedup=speedup,
    )


def _with_start(contender: Contender, row: PerfRow) -> PerfRow:
    start = contender.start()
    return replace(row, load_ms=start.load_ms, peak_memory_mb=start.peak_mb)
