"""What a server counts, in the text format of Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from compsel.runtime import Answer, Runtime
from compsel.serving.worker_pool import WorkerPool

__all__ = ["CONTENT_TYPE", "ServerMetrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class ServerMetrics:
    """Counters, histograms and gauges of one server.

    Args:
        runtime: whose device and answers are counted.
        pool: whose queue is.
    """

    def __init__(self, runtime: Runtime, pool: WorkerPool) -> None:
        # one of its own: several servers in a process do not add up
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "compsel_requests", "Requests, by route and status", ("route", "status"), registry=registry
        )
        self._request_s = Histogram(
            "compsel_request_seconds",
            "From the request to its response",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._answer_s = Histogram(
            "compsel_answer_seconds", "From the input to its answer, without HTTP", buckets=_SECONDS, registry=registry
        )
        self._choices = Counter(
            "compsel_answers", "Answers, by the choice that gave them", ("choice",), registry=registry
        )
        self._escalations = Counter("compsel_escalations", "Stages after the first one", registry=registry)
        self._abstained = Counter("compsel_abstained", "Answers that were withheld as unsure", registry=registry)
        self._missed = Counter("compsel_constraints_missed", "Answers that missed their limits", registry=registry)
        gauges = {
            "compsel_in_flight": ("Requests at work or waiting", lambda: pool.in_flight),
            "compsel_device_load_others": ("Cores kept busy by others", lambda: runtime.state().load_others),
            "compsel_device_load_own": ("Cores kept busy by this process", lambda: runtime.state().load_own),
            "compsel_device_free_memory_bytes": ("Memory", lambda: runtime.state().free_memory_bytes),
        }
        for name, (text, read) in gauges.items():
            Gauge(name, text, registry=registry).set_function(read)

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, str(status)).inc()
        self._request_s.labels(route).observe(seconds)

    def count_answer(self, answer: Answer) -> None:
        """Count an answer."""
        self._answer_s.observe(answer.latency_ms / 1e3)
        self._choices.labels(answer.choice).inc()
        self._escalations.inc(len(answer.stages) - 1)
        self._abstained.inc(answer.abstained)
        self._missed.inc(not answer.constraints_met)

    def text(self) -> bytes:
        """Return all of it."""
        return generate_latest(self._registry)
