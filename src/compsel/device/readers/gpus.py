"""How busy the GPUs are, and how much of their memory is free: from NVIDIA's driver, and from `/sys` for the others.

Kernel documentation: gpu/amdgpu (gpu_busy_percent, mem_info_vram_*), sysfs-driver-intel-i915 and -xe (residency of the
idle state), and what drivers of Jetson, Adreno and Mali show in their devices' folders.
"""

import math
import re
import time
from collections.abc import Callable
from pathlib import Path

from compsel.device.nvml import Gpu, NvmlError, gpus
from compsel.device.pseudo_files import paths_like, read_number

__all__ = ["GpuGauges"]

_MILLISECOND_S = 1e-3
# files that hold a use, and what its whole is
_USES = (
    ("class/drm/card*/device/gpu_busy_percent", 100),  # AMD
    ("devices/gpu.*/load", 1000),  # Jetson
    ("devices/platform/*gpu*/load", 1000),
    ("class/kgsl/kgsl-3d0/gpu_busy_percentage", 100),  # Adreno: "12 %"
    ("class/devfreq/*gpu*/load", 100),  # Mali: "63@800000000Hz"
)
# how long the GPU, or a part of it, was asleep
_IDLE_MS = ("class/drm/card*/gt/gt*/rc6_residency_ms", "class/drm/card*/device/tile*/gt*/gtidle/idle_residency_ms")


class GpuGauges:
    """Reads use and free memory of the GPUs; what they use for our own inferences is in it.

    Args:
        sys: where the tree is mounted; its files are looked for once.
        nvidia: gives NVIDIA's GPUs.

    >>> GpuGauges(Path("/no/such/folder"), lambda: []).read()
    (nan, nan)
    """

    def __init__(self, sys: Path, nvidia: Callable[[], list[Gpu]] = gpus) -> None:
        try:
            self._nvidia = nvidia()
        except NvmlError:
            self._nvidia = []
        self._uses = [(path, whole) for pattern, whole in _USES for path in paths_like(sys, pattern)]
        self._memories = [path.parent for path in paths_like(sys, "class/drm/card*/device/mem_info_vram_total")]
        self._idle = [path for pattern in _IDLE_MS for path in paths_like(sys, pattern)]
        self._slept = {path: (time.perf_counter(), read_number(path)) for path in self._idle}

    def read(self) -> tuple[float, float]:
        """Return the use (0 to 1) of the busiest GPU, and the free memory (bytes) of the fullest; NaN where unknown."""
        uses = [count / whole for path, whole in self._uses if (count := _leading(path)) is not None]
        uses += [use for path in self._idle if (use := self._awake(path)) is not None]
        free = [left for folder in self._memories if (left := _left(folder)) is not None]
        for gpu in self._nvidia:
            try:
                uses.append(gpu.use())
                free.append(gpu.free_memory_bytes())
            except NvmlError:
                continue
        return min(1.0, max(uses)) if uses else math.nan, float(min(free)) if free else math.nan

    def _awake(self, path: Path) -> float | None:
        now, slept = time.perf_counter(), read_number(path)
        (then, before), self._slept[path] = self._slept[path], (now, slept)
        if slept is None or before is None or now <= then:
            return None
        return min(1.0, max(0.0, 1 - (slept - before) * _MILLISECOND_S / (now - then)))


def _leading(path: Path) -> int | None:
    try:
        number = re.match(r"\s*(\d+)", path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return int(number[1]) if number else None


def _left(folder: Path) -> int | None:
    total, used = read_number(folder / "mem_info_vram_total"), read_number(folder / "mem_info_vram_used")
    return None if total is None or used is None else max(0, total - used)
