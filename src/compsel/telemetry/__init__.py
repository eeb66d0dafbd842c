"""What a runtime did, for the tools that watch services: Prometheus and OpenTelemetry.

>>> import compsel.telemetry
>>> runtime = compsel.load("bundle/")  # doctest: +SKIP
>>> compsel.telemetry.register(runtime)  # doctest: +SKIP
>>> compsel.telemetry.instrument(runtime)  # doctest: +SKIP
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from compsel.errors import require
from compsel.runtime import Runtime

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider
    from prometheus_client import CollectorRegistry

    from compsel.telemetry.prometheus import RuntimeCollector

__all__ = ["instrument", "register"]


def register(
    runtimes: Runtime | Mapping[str, Runtime], registry: "CollectorRegistry | None" = None
) -> "RuntimeCollector":
    """Let Prometheus read what runtimes did: `Runtime.stats`, when it asks.

    Args:
        runtimes: one; or several by name, then each metric has the label `runtime`.
        registry: of prometheus-client; None: its default one.

    Returns:
        What is registered: `registry.unregister` takes it back.

    Raises:
        MissingDependencyError: prometheus-client is not installed.
        ValueError: of the registry, where one is registered already: give several at once.
    """
    library = require("prometheus_client", extra="telemetry")
    from compsel.telemetry.prometheus import RuntimeCollector

    collector = RuntimeCollector(runtimes)
    (library.REGISTRY if registry is None else registry).register(collector)
    return collector


def instrument(
    runtime: Runtime,
    *,
    meter_provider: "MeterProvider | None" = None,
    tracer_provider: "TracerProvider | None" = None,
) -> None:
    """Send what a runtime does to OpenTelemetry: metrics, and a span for each call, with an event for each stage.

    Args:
        runtime: from now on.
        meter_provider, tracer_provider: None: the global ones; without an SDK these do nothing.

    Raises:
        MissingDependencyError: opentelemetry-api is not installed.
    """
    require("opentelemetry.metrics", extra="telemetry")
    from compsel.telemetry.open_telemetry import instrument as install

    install(runtime, meter_provider, tracer_provider)
