"""What a server counts, and what its runtime did, in the text format of Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from compsel.runtime import Runtime
from compsel.runtime.concurrency.call_queue import CallQueue
from compsel.telemetry.prometheus import RuntimeCollector

__all__ = ["CONTENT_TYPE", "ServerMetrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class ServerMetrics:
    """Counts the requests of one server.

    Args:
        runtime: whose answers and device are shown beside them.
        queue: of requests.
    """

    def __init__(self, runtime: Runtime, queue: CallQueue) -> None:
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
        registry.register(RuntimeCollector(runtime))
        in_flight = Gauge("compsel_in_flight", "Requests at work or waiting", registry=registry)
        in_flight.set_function(lambda: queue.in_flight)

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, str(status)).inc()
        self._request_s.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Return all of it."""
        return generate_latest(self._registry)
