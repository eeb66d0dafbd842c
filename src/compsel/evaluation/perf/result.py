"""What a benchmark of models found."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from compsel.profiling.confidence_intervals import Estimate

__all__ = ["PerfResult", "PerfRow", "latency_figures"]

FORMAT_VERSION = 1
_PERCENTILES = (50, 90, 95, 99)


def latency_figures(latencies_ms: ArrayLike) -> dict[str, float]:
    """Return mean, p50 (the median), p90, p95 and p99 of latencies, interpolated between two where need be.

    >>> latency_figures([1.0, 2.0, 3.0])["p50"]
    2.0
    """
    values = np.asarray(latencies_ms, np.float64)
    percentiles = np.percentile(values, _PERCENTILES)
    named = {f"p{percent}": float(value) for percent, value in zip(_PERCENTILES, percentiles, strict=True)}
    return {"mean": float(values.mean()), **named}


@dataclass(frozen=True, slots=True)
class PerfRow:
    """One model on one processor.

    Attributes:
        model: its path, or its name.
        processor: where it ran.
        latency_ms: mean, p50, p90, p95, p99 of one inference, from feeds to outputs in memory, no preprocessing.
        runs: how many inferences were timed; under 100 of them, p99 is the slowest.
        warm_up_runs: how many came before, until the latency was stable.
        stable: whether it became so.
        throughput_per_s: inferences a second, one at a time.
        load_ms: to open the model in a fresh process; peak_memory_mb: the most resident memory of that process, which
            opens and runs nothing else, the interpreter included. None where it was not measured.
        placement: which part of the graph runs on the processor.
        size_mb: of the file, weights beside it included.
        speedup: p50 of the first row over this one's, with the 95 % interval of a bootstrap over the visits; None for
            the first.

    >>> PerfRow("a.onnx", "cpu:1", {"p50": 2.0}, 10, 3, True, 500.0, "wholly placed", 1.5).model
    'a.onnx'
    """

    model: str
    processor: str
    latency_ms: dict[str, float]
    runs: int
    warm_up_runs: int
    stable: bool
    throughput_per_s: float
    placement: str
    size_mb: float
    load_ms: float | None = None
    peak_memory_mb: float | None = None
    speedup: Estimate | None = None


@dataclass(frozen=True, slots=True)
class PerfResult:
    """What `compsel.perf` found.

    Attributes:
        rows: one a model and processor, in the order asked for.
        inputs: what was fed, in words.
        device: processor, cores, instruction sets, memory, system, ONNX Runtime (`device_fingerprint`).
        load_others: cores that other processes kept busy just before; NaN where it is not known.
        seconds: asked for, for each row.

    >>> PerfResult((), "made up", {}, 0.0, 5.0).to_dict()["rows"]
    []
    """

    rows: tuple[PerfRow, ...]
    inputs: str
    device: dict[str, Any] = field(repr=False)
    load_others: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: `rows`, each with `latency_ms`: {"mean", "p50", "p90", "p95", "p99"}, and the rest."""
        rows = []
        for row in self.rows:
            plain = asdict(row)
            speedup = plain.pop("speedup")
            plain["speedup_vs_first"] = speedup and speedup["value"]
            plain["speedup_vs_first_95"] = speedup and [speedup["low"], speedup["high"]]
            rows.append(plain)
        return {
            "format_version": FORMAT_VERSION,
            "rows": rows,
            "inputs": self.inputs,
            "interleaved": len(rows) > 1,
            "seconds": self.seconds,
            "load_others": self.load_others,
            "device": self.device,
        }
