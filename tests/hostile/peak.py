"""How much memory a piece of work took at most, of this process."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from compsel.device.resident_memory import peak_bytes

__all__ = ["Peak", "measured_peak"]

_RESET = Path("/proc/self/clear_refs")


class Peak:
    """What a block took: `mb` is how far the peak of resident memory rose above what was resident before."""

    mb = 0.0


@contextlib.contextmanager
def measured_peak() -> Iterator[Peak]:
    """Measure a block. Where the kernel cannot forget a peak (it is Linux's), only a rise above all before counts."""
    with contextlib.suppress(OSError):
        _RESET.write_text("5")
    before, peak = peak_bytes(), Peak()
    try:
        yield peak
    finally:
        peak.mb = (peak_bytes() - before) / 1e6
