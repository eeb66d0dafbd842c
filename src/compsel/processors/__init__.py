"""Where inference can run: the CPU in several ways, and every accelerator that ONNX Runtime can reach.

    cpu:1  cpu:2  cpu:2:nospin  cpu:all   threads; `nospin` lets waiting threads sleep; all: of this process's share
    cpu:big  cpu:mid  cpu:little          a cluster of cores, where they are not alike
    cuda:0  openvino:GPU  webgpu  ...     an execution provider and its device, see `compsel.processors.provider_table`
    openvino:CPU:precision=f32,threads=2  with options

>>> parse("cpu:2:nospin").threads
2
>>> parse("gpu")
Traceback (most recent call last):
compsel.errors.ProcessorError: processor 'gpu': allowed are cpu:N, cpu:N:nospin, cpu:all, cpu:big, ...
"""

from collections.abc import Iterator

import onnxruntime

from compsel.device.cgroup import usable_cores
from compsel.errors import ProcessorError
from compsel.processors.base import Availability, Processor, Session
from compsel.processors.clusters import CLUSTERS, ClusterProcessor, core_clusters
from compsel.processors.cpu import OVERSUBSCRIBED, CpuProcessor
from compsel.processors.ort_session import OrtSession
from compsel.processors.plugins import package_versions, plugged_providers
from compsel.processors.provider import ProviderProcessor
from compsel.processors.provider_table import PROVIDERS, Provider

__all__ = [
    "Availability",
    "CpuProcessor",
    "OrtSession",
    "Processor",
    "ProviderProcessor",
    "Session",
    "absent",
    "discover",
    "package_versions",
    "parse",
    "unusable",
]

# providers that ONNX Runtime lists and that run no models of ours on this machine
_NOT_HERE = {"AzureExecutionProvider": "sends inputs to a service over the network: it is no device of this machine"}
_MOST_DEVICES = 16


def parse(name: str) -> Processor:
    """Return the processor called `name`; whether it can run here, its `availability()` says.

    Raises:
        ProcessorError: no such name.
    """
    word, _, rest = name.partition(":")
    if word == "cpu" and rest in CLUSTERS:
        return ClusterProcessor(rest)
    if word == "cpu" and (processor := _parse_cpu(rest)) is not None:
        return processor
    entry = next((entry for entry in PROVIDERS if entry.word == word), None)
    if entry is None:
        raise ProcessorError(f"processor {name!r}: allowed are {_allowed()}")
    device, _, text = rest.partition(":")
    if "=" in device:  # the device was left out
        device, text = "", rest
    options = {}
    for part in text.split(",") if text or rest.endswith(":") else ():
        key, equals, value = part.partition("=")
        if not equals or key in options:
            raise ProcessorError(f"processor {name!r}: got option {part!r}, allowed is key=value, each key once")
        options[key] = value
    return ProviderProcessor(entry, device or entry.devices[0], options)


def _parse_cpu(rest: str) -> CpuProcessor | None:
    count, _, waiting = rest.partition(":")
    threads = usable_cores() if count == "all" else int(count) if count.isdecimal() and count.isascii() else 0
    if threads < 1 or waiting not in ("", "nospin") or rest.endswith(":") or (waiting and threads == 1):
        return None
    return CpuProcessor(threads, spinning=not waiting)


def _allowed() -> str:
    forms = (
        "|".join(f"{entry.word}:{device}" if device else entry.word for device in entry.devices).replace(":0", ":N")
        for entry in PROVIDERS
    )
    return ", ".join(("cpu:N", "cpu:N:nospin", "cpu:all", *(f"cpu:{word}" for word in CLUSTERS), *forms))


def discover() -> list[tuple[Processor, Availability]]:
    """Try every processor that this machine and this ONNX Runtime may have; return each with what was found.

    The CPU comes first, with 1, 2, 4, ... threads up to all cores that this process may use, then with twice as many
    threads as cores (fastest beside busy neighbours), then its clusters, where its cores are not alike; then each
    provider that the installed ONNX Runtime, or a plug-in package, offers. Trying means running: up to seconds.
    """
    tried: list[tuple[Processor, Availability]] = [(processor, processor.availability()) for processor in _cpus()]
    for entry in PROVIDERS:
        if _offered(entry):
            tried.extend(_devices(entry))
    return tried


def unusable() -> dict[str, str]:
    """Return the providers that ONNX Runtime offers and `discover` leaves out, each with the reason."""
    known = {entry.name for entry in PROVIDERS} | {CpuProcessor(1).provider}
    offered = (*onnxruntime.get_available_providers(), *plugged_providers())
    listed = [name for name in offered if name not in known]
    return {name: _NOT_HERE.get(name, "compsel has no line for it in compsel.processors.provider") for name in listed}


def absent() -> dict[str, str]:
    """Return the words of the providers that the installed ONNX Runtime does not offer, each with what brings it."""
    return {entry.word: entry.package for entry in PROVIDERS if not _offered(entry)}


def _cpus() -> Iterator[Processor]:
    cores = usable_cores()
    threads = 1
    while threads < cores:
        yield from _ways(threads)
        threads *= 2
    yield from _ways(cores)
    if cores > 1:
        yield CpuProcessor(OVERSUBSCRIBED * cores, spinning=False)
    yield from map(ClusterProcessor, core_clusters())


def _ways(threads: int) -> Iterator[CpuProcessor]:
    yield CpuProcessor(threads)
    if threads > 1:
        yield CpuProcessor(threads, spinning=False)


def _offered(entry: Provider) -> bool:
    return entry.name in onnxruntime.get_available_providers() or entry.name in plugged_providers()


def _devices(entry: Provider) -> Iterator[tuple[Processor, Availability]]:
    numbered = entry.devices == ("0",)
    for device in map(str, range(_MOST_DEVICES)) if numbered else entry.devices:
        processor = ProviderProcessor(entry, device)
        found = processor.availability()
        if numbered and device != "0" and not found.available:
            return
        yield processor, found
        if numbered and not found.available:
            return
