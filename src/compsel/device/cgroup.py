"""The share of the machine that this process may use: its affinity mask and its control group (containers).

Linux keeps control groups in two layouts: version 2 has one tree, version 1 one a controller. A process sees the limit
of its own group and of every group above it; the least one counts.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path

from compsel.device.pseudo_files import read_number

__all__ = ["cpu_quota", "group_folders", "usable_cores"]


def group_folders(controller: str, proc: str | os.PathLike[str], sys: str | os.PathLike[str]) -> Iterator[Path]:
    """Walk over the folders of this process's control group and those above it, its own first.

    Args:
        controller: "cpu", "memory", ...
        proc, sys: where the kernel's trees are mounted.

    Inside a container the path in `/proc/self/cgroup` is often that of the host and not there: then its end is dropped
    until a folder is found, at last the mount point, which is the container's own group.
    """
    try:
        lines = (Path(proc) / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    mount = Path(sys) / "fs/cgroup"
    for line in lines:
        _, names, path = [*line.split(":", 2), "", ""][:3]
        if names and controller not in names.split(","):
            continue
        root = mount / controller if names else mount
        folder = root / path.lstrip("/")
        while True:
            if folder.is_dir():
                yield folder
            if folder == root:
                break
            folder = folder.parent


def cpu_quota(proc: str | os.PathLike[str] = "/proc", sys: str | os.PathLike[str] = "/sys") -> float | None:
    """Return how many cores' worth of time the control group allows; None without a limit.

    >>> cpu_quota(proc="/no/such/folder") is None
    True
    """
    quotas = [quota for folder in group_folders("cpu", proc, sys) if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def _quota(folder: Path) -> float | None:
    try:
        quota, period = (int(word) for word in (folder / "cpu.max").read_text().split()[:2])
    except (OSError, ValueError):
        quota = read_number(folder / "cpu.cfs_quota_us") or -1
        period = read_number(folder / "cpu.cfs_period_us") or 0
    return quota / period if quota > 0 and period > 0 else None


def usable_cores(proc: str | os.PathLike[str] = "/proc", sys: str | os.PathLike[str] = "/sys") -> int:
    """Return how many threads can run at once in this process: affinity mask and quota respected, at least 1.

    >>> usable_cores() >= 1
    True
    """
    quota = cpu_quota(proc, sys)
    cores = _affine_cores()
    return max(1, min(cores, math.ceil(quota)) if quota else cores)


def _affine_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    import psutil  # Linux has the above

    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):
        return len(process.cpu_affinity())
    return os.cpu_count() or 1
