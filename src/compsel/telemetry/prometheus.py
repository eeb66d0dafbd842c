"""What runtimes did, as Prometheus reads it: made of `Runtime.stats` at each reading, so that nothing counts twice."""

import math
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from compsel.runtime import Runtime, RuntimeStats

__all__ = ["RuntimeCollector"]

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_COUNTERS = {
    "escalations": "Stages after the first one",
    "abstained": "Answers that were withheld as unsure",
    "constraints_missed": "Answers that missed their limits",
    "late": "Answers that came after their deadline",
    "bad_inputs": "Calls whose input nothing can answer",
    "failures": "Calls that nothing answered",
    "stage_failures": "Stages that failed",
    "given_up": "Stages that took too long",
    "refused": "Calls that the queue refused",
    "cancelled": "Calls that were cancelled",
    "recorder_drops": "Answers that were not recorded",
}
_GAUGES: dict[str, tuple[str, Callable[[Runtime, RuntimeStats], float | None]]] = {
    "queued": ("Calls that wait", lambda runtime, stats: stats.queued),
    "running": ("Queued calls at work", lambda runtime, stats: stats.running),
    "quarantined": (
        "What failed and is left alone",
        lambda runtime, stats: len(stats.quarantined),
    ),
    "engines_open": ("Variants on processors that are loaded", lambda runtime, stats: len(stats.engines_open)),
    "engines_memory_bytes": ("About what these take", lambda runtime, stats: stats.engines_mb * 1e6),
    "device_load_others": ("Cores kept busy by others", lambda runtime, stats: runtime.state().load_others),
    "device_load_own": ("Cores kept busy by this process", lambda runtime, stats: runtime.state().load_own),
    "device_free_memory_bytes": ("Memory", lambda runtime, stats: runtime.state().free_memory_bytes),
}


class RuntimeCollector(Collector):
    """Collects what runtimes did.

    Args:
        runtimes: one; or several by name, then each metric has the label `runtime`. They are not kept alive.

    >>> [family.name for family in RuntimeCollector({}).collect()][:3]
    ['compsel_answers', 'compsel_answer_seconds', 'compsel_escalations']
    """

    def __init__(self, runtimes: Runtime | Mapping[str, Runtime]) -> None:
        several = {(name,): one for name, one in runtimes.items()} if isinstance(runtimes, Mapping) else {(): runtimes}
        self._names = ("runtime",) if isinstance(runtimes, Mapping) else ()
        self._runtimes = {labels: weakref.ref(runtime) for labels, runtime in several.items()}

    def describe(self) -> Iterable[Metric]:
        """Return what there will be, so that a registry refuses a second one of the same names."""
        return self._families({})

    def collect(self) -> Iterator[Metric]:
        """Give the metrics now."""
        alive = {labels: runtime for labels, held in self._runtimes.items() if (runtime := held()) is not None}
        return self._families({labels: (runtime, runtime.stats()) for labels, runtime in alive.items()})

    def _families(self, found: Mapping[tuple[str, ...], tuple[Runtime, RuntimeStats]]) -> Iterator[Metric]:
        answers = CounterMetricFamily(
            "compsel_answers", "Answers, by the choice that gave them", labels=(*self._names, "choice")
        )
        seconds = HistogramMetricFamily(
            "compsel_answer_seconds", "From the input to its answer, without HTTP", labels=self._names
        )
        for labels, (_, stats) in found.items():
            for choice, count in stats.by_choice.items():
                answers.add_metric((*labels, choice), count)
            buckets = [(str(limit_s), float(stats.latency.at_most(limit_s * 1e3))) for limit_s in _SECONDS]
            buckets.append(("+Inf", float(stats.latency.count)))
            seconds.add_metric(labels, buckets, stats.latency.sum_ms / 1e3)
        yield answers
        yield seconds
        for name, text in _COUNTERS.items():
            counter = CounterMetricFamily(f"compsel_{name}", text, labels=self._names)
            for labels, (_, stats) in found.items():
                counter.add_metric(labels, getattr(stats, name))
            yield counter
        for name, (text, read) in _GAUGES.items():
            gauge = GaugeMetricFamily(f"compsel_{name}", text, labels=self._names)
            for labels, (runtime, stats) in found.items():
                value = read(runtime, stats)
                gauge.add_metric(labels, math.nan if value is None else value)
            yield gauge
