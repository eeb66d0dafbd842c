"""How much memory this process holds resident now, and at most so far."""

import os
import sys
from pathlib import Path

__all__ = ["peak_bytes", "resident_mb"]

_STATM, _STATUS = Path("/proc/self/statm"), Path("/proc/self/status")


def resident_mb() -> float:
    """Return the resident memory of this process; NaN where nothing says.

    >>> resident_mb() > 1
    True
    """
    try:
        return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except (OSError, ValueError, IndexError, AttributeError):
        pass
    try:
        import psutil  # where there is no such file

        return float(psutil.Process().memory_info().rss) / 1e6
    except Exception:
        return float("nan")


def peak_bytes() -> int:
    """Return the most that this process held resident.

    A process takes the peak in `getrusage` over from the one that started it, on Linux even across exec; the high water
    mark of its own memory is in /proc there.

    >>> peak_bytes() > 1_000_000
    True
    """
    try:
        status = _STATUS.read_text()
        return int(status[status.index("VmHWM:") + 6 :].split(maxsplit=1)[0]) * 1024
    except (OSError, ValueError):  # not Linux
        pass
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
