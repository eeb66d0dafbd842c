"""Time that has passed, by a clock that may jump."""

import time

__all__ = ["elapsed_ns"]


def elapsed_ns(begin_ns: int) -> int:
    """Return the time (ns) since a moment of `time.perf_counter_ns`; 0 where the clock jumped back since.

    >>> elapsed_ns(time.perf_counter_ns() + 3_600_000_000_000)
    0
    """
    passed_ns = time.perf_counter_ns() - begin_ns
    return passed_ns if passed_ns > 0 else 0
