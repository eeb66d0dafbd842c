"""The device as the page shows it live: load, memory, and what would answer now, where."""

from typing import Any

import psutil

from compsel.runtime import Runtime
from compsel.runtime.concurrency.call_queue import CallQueue

__all__ = ["device_view"]


def device_view(runtime: Runtime, queue: CallQueue) -> dict[str, Any]:
    """Return the device's state, the memory of this process, and the present plan, as JSON can hold them."""
    planned = runtime.planned()
    plan = zip(planned.policy.variants, planned.processors, planned.expected_ms, strict=True)
    return {
        "state": runtime.state().to_dict(),
        "process_memory_bytes": psutil.Process().memory_info().rss,
        "in_flight": queue.in_flight,
        "plan": [
            {"variant": variant, "processor": processor, "expected_ms": expected_ms}
            for variant, processor, expected_ms in plan
            if expected_ms < float("inf")
        ],
    }
