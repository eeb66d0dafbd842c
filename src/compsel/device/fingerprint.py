"""What kind of device this is: for tables and reports, without anything that names the machine or its owner."""

import os
import platform
import re
from functools import cache
from pathlib import Path
from typing import Any

from compsel.device.cgroup import usable_cores

__all__ = ["device_fingerprint", "processor_and_sets"]

# instruction sets that decide how fast low precision is: as Linux calls them on x86, then on Arm
_INSTRUCTION_SETS = (
    *("sse4_1", "avx", "fma", "f16c", "avx2", "avx_vnni", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16"),
    *("avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"),
    *("asimd", "neon", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme"),
)
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-webgpu", "onnxruntime-directml")


def device_fingerprint(proc: str | os.PathLike[str] = "/proc") -> dict[str, Any]:
    """Describe the device: processor, cores, instruction sets, memory, system, ONNX Runtime.

    The same device gives the same answer; no host name, user, address or serial number is in it.

    >>> sorted(device_fingerprint())
    ['architecture', 'cores', 'cpu', 'instruction_sets', 'memory_gib', 'onnxruntime', 'physical_cores', 'system',
     'usable_cores']
    """
    import psutil  # an app reads no fingerprint at its start

    cpu, instruction_sets = processor_and_sets(proc)
    return {
        "cpu": cpu,
        "architecture": platform.machine(),
        "cores": psutil.cpu_count() or os.cpu_count() or 1,
        "physical_cores": psutil.cpu_count(logical=False),
        "usable_cores": usable_cores(),
        "instruction_sets": instruction_sets,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "onnxruntime": _runtime(),
    }


def processor_and_sets(proc: str | os.PathLike[str] = "/proc") -> tuple[str, list[str]]:
    """Return the model of the processor, and the instruction sets that decide how fast low precision is."""
    model, flags = _cpuinfo(Path(proc))
    cpu = model or platform.processor() or platform.machine()
    return cpu, [name for name in _INSTRUCTION_SETS if name in flags]


def _cpuinfo(proc: Path) -> tuple[str, frozenset[str]]:
    """Return the model's name, and the instruction sets, from `/proc/cpuinfo`; empty where there is none."""
    try:
        text = (proc / "cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", frozenset()
    fields = dict(re.findall(r"^([^\t:]+?)\s*:[ \t]*(.*)$", text, re.MULTILINE))
    arm = " ".join(fields[key] for key in ("CPU implementer", "CPU part") if key in fields)
    model = fields.get("model name") or fields.get("Hardware") or fields.get("Model") or arm
    return model.strip(), frozenset((fields.get("flags") or fields.get("Features") or "").split())


@cache
def _runtime() -> str:
    """Name and version of the installed ONNX Runtime, from package metadata: nothing is imported."""
    from importlib.metadata import PackageNotFoundError, version  # imports an e-mail package

    found = []
    for name in _RUNTIMES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found) or "unknown"
