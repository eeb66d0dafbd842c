"""What a runtime does, for OpenTelemetry: https://opentelemetry.io/docs/specs/semconv/general/ names and units.

Durations are recorded in the background, with what the runtime counts; spans are made in the caller's thread, so that
they have their parents.
"""

import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, MeterProvider, Observation, get_meter
from opentelemetry.trace import Span, Tracer, TracerProvider, get_tracer

from compsel.errors import CompselError
from compsel.runtime import Answer, Runtime, RuntimeStats
from compsel.runtime.monitoring.call_counts import MOST_CHOICES, OTHERS, FinishedCall

__all__ = ["instrument"]

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
# name: (unit, what it is, how it is read from the stats)
_COUNTERS: dict[str, tuple[str, str, Callable[[RuntimeStats], float]]] = {
    "compsel.calls.refused": ("{call}", "Calls that the queue refused", lambda stats: stats.refused),
    "compsel.calls.cancelled": ("{call}", "Calls that were cancelled", lambda stats: stats.cancelled),
    "compsel.stages.failed": ("{stage}", "Stages that failed", lambda stats: stats.stage_failures),
    "compsel.stages.given_up": ("{stage}", "Stages that took too long", lambda stats: stats.given_up),
}
_GAUGES: dict[str, tuple[str, str, Callable[[RuntimeStats], float]]] = {
    "compsel.queue.length": ("{call}", "Calls that wait", lambda stats: stats.queued),
    "compsel.queue.running": ("{call}", "Queued calls at work", lambda stats: stats.running),
    "compsel.quarantined": ("{choice}", "What failed and is left alone", lambda stats: len(stats.quarantined)),
    "compsel.engines.open": ("{engine}", "Variants that are loaded", lambda stats: len(stats.engines_open)),
    "compsel.engines.memory": ("By", "About what these take", lambda stats: stats.engines_mb * 1e6),
}


def instrument(runtime: Runtime, meters: MeterProvider | None, tracers: TracerProvider | None) -> None:
    """See `compsel.telemetry.instrument`."""
    from compsel import __version__

    bundle = runtime.bundle.folder.resolve().name
    meter = get_meter("compsel", __version__, meters)
    durations = meter.create_histogram(
        "compsel.answer.duration",
        unit="s",
        description="From the input to its answer",
        explicit_bucket_boundaries_advisory=_SECONDS,
    )
    failures = meter.create_counter("compsel.calls.failed", unit="{call}", description="Calls without an answer")
    recorded = _Recorded(durations, failures, bundle)
    _observe(meter, weakref.ref(runtime), bundle)
    tracer = get_tracer("compsel", __version__, tracers)
    runtime.observe(recorded, partial(_traced, tracer, bundle))


@dataclass(frozen=True)
class _Recorded:
    """Records what became of a call."""

    durations: Histogram
    failures: Counter
    bundle: str
    choices: set[str] = field(default_factory=set)

    def __call__(self, call: FinishedCall) -> None:
        attributes = {"compsel.bundle": self.bundle}
        if call.error is not None:
            self.failures.add(1, {**attributes, "error.type": call.error.__name__})
            return
        choice = call.choice
        if len(self.choices) < MOST_CHOICES:
            self.choices.add(choice)
        attributes |= {
            "compsel.choice": choice if choice in self.choices else OTHERS,
            "compsel.processor": call.stages[-1].processor if call.stages else "",
            "compsel.outcome": _outcome(call.late, call.abstained, call.constraints_met),
        }
        self.durations.record(call.latency_ms / 1e3, attributes)


def _observe(meter: Meter, held: "weakref.ref[Runtime]", bundle: str) -> None:
    def observations(read: Callable[[RuntimeStats], float], _: CallbackOptions) -> Iterable[Observation]:
        runtime = held()
        if runtime is not None:
            yield Observation(read(runtime.stats()), {"compsel.bundle": bundle})

    for name, (unit, text, read) in _COUNTERS.items():
        meter.create_observable_counter(name, [partial(observations, read)], unit, text)
    for name, (unit, text, read) in _GAUGES.items():
        meter.create_observable_gauge(name, [partial(observations, read)], unit, text)


def _traced(tracer: Tracer, bundle: str, work: Callable[[], Answer]) -> Answer:
    with tracer.start_as_current_span("compsel.answer", attributes={"compsel.bundle": bundle}) as span:
        try:
            answer = work()
        except CompselError as error:
            span.set_attribute("error.type", type(error).__name__)
            raise  # the span notes the exception
        if span.is_recording():
            _describe(span, answer)
        return answer


def _describe(span: Span, answer: Answer) -> None:
    for stage in answer.stages:
        attributes: dict[str, str | float] = {
            "compsel.variant": stage.variant,
            "compsel.processor": stage.processor,
            "compsel.stage.duration": stage.latency_ms / 1e3,
            "compsel.stage.expected_duration": stage.expected_ms / 1e3,
        }
        if stage.probability_right is not None:
            attributes["compsel.stage.probability_right"] = float(stage.probability_right)
        span.add_event("compsel.stage", attributes)
    span.set_attributes(
        {
            "compsel.choice": answer.choice,
            "compsel.outcome": _outcome(False, answer.abstained, answer.constraints_met),
            "compsel.answer.duration": answer.latency_ms / 1e3,
            "compsel.answer.decoding_duration": answer.decode_ms / 1e3,
            "compsel.answer.waiting_duration": answer.waited_ms / 1e3,
        }
    )
    if answer.note:
        span.set_attribute("compsel.note", answer.note)


def _outcome(late: bool, abstained: bool, constraints_met: bool) -> str:
    if abstained:
        return "abstained"
    return "late" if late else "answered" if constraints_met else "constraints_missed"
