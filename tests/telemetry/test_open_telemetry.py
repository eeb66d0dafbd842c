"""OpenTelemetry: durations with bounded attributes, a span for each call with its parent, an event for each stage."""

import asyncio
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import compsel
import compsel.telemetry
from compsel.errors import ImageError
from compsel.runtime import Runtime

metrics_sdk = pytest.importorskip("opentelemetry.sdk.metrics", reason="opentelemetry-sdk is not installed")
metrics_export = import_module("opentelemetry.sdk.metrics.export")
trace_sdk = import_module("opentelemetry.sdk.trace")
trace_export = import_module("opentelemetry.sdk.trace.export")
in_memory = import_module("opentelemetry.sdk.trace.export.in_memory_span_exporter")

IMAGE = np.random.default_rng(0).integers(0, 256, (80, 64, 3), np.uint8)


class Watched(NamedTuple):
    runtime: Runtime
    tracers: Any
    reader: Any
    spans: Any

    def points(self) -> dict[str, list[Any]]:
        self.runtime.flush()
        data = self.reader.get_metrics_data()
        found: dict[str, list[Any]] = {}
        for metric in [m for r in data.resource_metrics for scope in r.scope_metrics for m in scope.metrics]:
            found[metric.name] = list(metric.data.data_points)
        return found


@pytest.fixture
def watched(cascade_folder: Path) -> Iterator[Watched]:
    reader, exporter = metrics_export.InMemoryMetricReader(), in_memory.InMemorySpanExporter()
    meters, tracers = metrics_sdk.MeterProvider([reader]), trace_sdk.TracerProvider()
    tracers.add_span_processor(trace_export.SimpleSpanProcessor(exporter))
    with compsel.load(cascade_folder) as runtime:
        compsel.telemetry.instrument(runtime, meter_provider=meters, tracer_provider=tracers)
        yield Watched(runtime, tracers, reader, exporter)
    meters.shutdown()


def test_durations_are_those_of_the_answers(watched: Watched) -> None:
    answers = [watched.runtime(IMAGE) for _ in range(3)]
    with pytest.raises(ImageError):
        watched.runtime(b"no image")
    points = watched.points()
    durations = points["compsel.answer.duration"]
    assert sum(point.count for point in durations) == 3
    assert sum(point.sum for point in durations) == pytest.approx(sum(answer.latency_ms for answer in answers) / 1e3)
    assert {point.attributes["compsel.choice"] for point in durations} == {answer.choice for answer in answers}
    assert {point.attributes["compsel.outcome"] for point in durations} == {"answered"}
    (failed,) = points["compsel.calls.failed"]
    assert (failed.value, failed.attributes["error.type"]) == (1, "ImageError")
    assert points["compsel.engines.open"][0].value == len(watched.runtime.stats().engines_open)
    assert points["compsel.calls.refused"][0].value == 0


def test_a_call_is_a_span_and_a_stage_an_event_below_the_span_of_the_app(watched: Watched) -> None:
    async def awaited() -> object:
        return await watched.runtime.arun(IMAGE)

    with watched.tracers.get_tracer("app").start_as_current_span("request") as request:
        answer = watched.runtime(IMAGE)
        asyncio.run(awaited())
    spans = [span for span in watched.spans.get_finished_spans() if span.name == "compsel.answer"]
    assert [span.parent.span_id for span in spans] == [request.get_span_context().span_id] * 2
    assert spans[0].attributes["compsel.choice"] == answer.choice
    events = [event for event in spans[0].events if event.name == "compsel.stage"]
    assert [event.attributes["compsel.variant"] for event in events] == [stage.variant for stage in answer.stages]
    assert events[0].attributes["compsel.stage.duration"] == answer.stages[0].latency_ms / 1e3


def test_what_fails_is_a_span_with_its_error(watched: Watched) -> None:
    with pytest.raises(ImageError):
        watched.runtime(b"no image")
    (span,) = watched.spans.get_finished_spans()
    assert span.attributes["error.type"] == "ImageError"
    assert not span.status.is_ok
    assert [event.name for event in span.events] == ["exception"]
