"""Look at a machine: what there is, how fast it is at what matters, and what could be faster, with what to do."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import onnxruntime

from compsel.device.cgroup import cpu_quota, usable_cores
from compsel.device.energy import MeterAvailability, find_meters
from compsel.device.fingerprint import device_fingerprint
from compsel.device.nvml import NvmlError, gpus
from compsel.device.sampler import DeviceState, read_state
from compsel.processors import absent
from compsel.profiling.confidence_intervals import Estimate
from compsel.profiling.machine.installed import Extra, installed_packages
from compsel.profiling.machine.matrix_products import int8_speedup, thread_speedup

__all__ = ["Diagnosis", "Finding", "diagnose", "read_governors"]

_WATCH_S = 0.3


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that could be faster, or is missing.

    Attributes:
        what: was found; why: it matters; do: what to do.

    >>> Finding("the governor is powersave", "clocks rise late", "cpupower frequency-set -g performance").what
    'the governor is powersave'
    """

    what: str
    why: str
    do: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}; {self.do}"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was seen of a machine.

    Attributes:
        device: see `device_fingerprint`; `quota`: of the control group, in cores, None without one; `governors`: of the
            clocks, () where the kernel shows none; `gpus`: NVIDIA GPUs that the driver shows.
        state: at the beginning, before anything was measured.
        extras: installed packages.
        providers: of the installed ONNX Runtime; `not_offered`: the others, with what brings each.
        meters: energy meters.
        int8: how many times as fast as float32 int8 is on a matrix product on one thread; threads: how many times as
            fast all usable cores are as one; None where there is one core.

    >>> from compsel.profiling.machine.advice import findings
    >>> findings(diagnose()) is not None
    True
    """

    device: dict[str, Any]
    state: DeviceState
    int8: Estimate
    threads: Estimate | None = None
    quota: float | None = None
    governors: tuple[str, ...] = ()
    gpus: int = 0
    extras: list[Extra] = field(default_factory=list)
    providers: tuple[str, ...] = ()
    not_offered: dict[str, str] = field(default_factory=dict)
    meters: list[MeterAvailability] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        plain = asdict(self)
        plain["state"] = self.state.to_dict()
        for name in ("int8", "threads"):
            figure = plain.pop(name)
            plain[f"{name}_speedup"] = figure and figure["value"]
            plain[f"{name}_speedup_95"] = figure and [figure["low"], figure["high"]]
        return plain


def diagnose(sys: Path = Path("/sys")) -> Diagnosis:
    """Look at this machine; takes about two seconds, and measures in them.

    Args:
        sys: where Linux's tree of devices is mounted.
    """
    state = read_state(_WATCH_S)
    cores = usable_cores()
    return Diagnosis(
        device=device_fingerprint(),
        state=state,
        int8=int8_speedup(),
        threads=thread_speedup(cores) if cores > 1 else None,
        quota=cpu_quota(),
        governors=read_governors(sys),
        gpus=_gpus(),
        extras=installed_packages(),
        providers=tuple(onnxruntime.get_available_providers()),
        not_offered=absent(),
        meters=find_meters(),
    )


def read_governors(sys: Path = Path("/sys")) -> tuple[str, ...]:
    """Return the governors of the cores' clocks, each once; () where the kernel shows none."""
    found = set()
    for path in sorted((sys / "devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")):
        try:
            found.add(path.read_text().strip())
        except OSError:
            continue
    return tuple(sorted(found))


def _gpus() -> int:
    try:
        return len(gpus())
    except NvmlError:
        return 0
