"""Where inference can run: the CPU in several ways, and every accelerator that ONNX Runtime can reach.

    cpu:1  cpu:2  cpu:2:nospin  cpu:all   threads; `nospin` lets waiting threads sleep; all: of this process's share
    cpu:big  cpu:mid  cpu:little          a cluster of cores, where they are not alike
    cuda:0  openvino:GPU  webgpu  ...     an execution provider and its device, see `compsel.processors.provider_table`
    openvino:CPU:precision=f32,threads=2  with options

Adding an execution provider: a line in `compsel.processors.provider_table.PROVIDERS`. Adding anything else: a file with
a `Processor` and its `ProcessorFamily`, and a line in `FAMILIES`.

>>> parse("cpu:2:nospin").threads
2
>>> parse("gpu")
Traceback (most recent call last):
compsel.errors.ProcessorError: processor 'gpu': allowed are cpu:N, cpu:N:nospin, cpu:all, cpu:big, ...
"""

import onnxruntime

from compsel.errors import ProcessorError, did_you_mean
from compsel.processors.base import Availability, Processor, ProcessorFamily, Session
from compsel.processors.clusters import ClusterFamily
from compsel.processors.cpu import CpuFamily, CpuProcessor, default_cpu
from compsel.processors.ort_session import OrtSession
from compsel.processors.plugins import package_versions, plugin_providers
from compsel.processors.provider import ProviderFamily, ProviderProcessor, is_offered
from compsel.processors.provider_table import PROVIDERS

__all__ = [
    "FAMILIES",
    "Availability",
    "CpuProcessor",
    "OrtSession",
    "Processor",
    "ProcessorFamily",
    "ProviderProcessor",
    "Session",
    "absent",
    "default_cpu",
    "discover",
    "package_versions",
    "parse",
    "parse_available",
    "unusable",
]

# in the order in which `compsel devices` lists them
FAMILIES: tuple[ProcessorFamily, ...] = (CpuFamily(), ClusterFamily(), ProviderFamily())

# providers that ONNX Runtime lists and that run no models of ours on this machine
_NOT_HERE = {"AzureExecutionProvider": "sends inputs to a service over the network: it is no device of this machine"}


def parse(name: str) -> Processor:
    """Return the processor called `name`; whether it can run here, its `availability()` says.

    Raises:
        ProcessorError: no such name.
    """
    for family in FAMILIES:
        if (processor := family.parse(name)) is not None:
            return processor
    forms = [form for family in FAMILIES for form in family.forms]
    near = did_you_mean(name, (form.replace("N", "1") for form in forms))
    raise ProcessorError(f"processor {name!r}: allowed are {', '.join(forms)}{near or ': see compsel devices'}")


def parse_available(name: str) -> Processor:
    """Return the processor called `name`, proven to run here.

    Raises:
        ProcessorError: no such name, or it cannot be used on this machine.

    >>> parse_available("cpu:1").name
    'cpu:1'
    """
    processor = parse(name)
    found = processor.availability()
    if not found.available:
        raise ProcessorError(f"processor {name} is not available here: {found.reason}: see compsel devices")
    return processor


def discover() -> list[tuple[Processor, Availability]]:
    """Try every processor that this machine and this ONNX Runtime may have; return each with what was found.

    The CPU comes first, then its clusters, then each provider that the installed ONNX Runtime, or a plug-in package,
    offers. Trying means running: up to seconds.
    """
    return [tried for family in FAMILIES for tried in family.discover()]


def unusable() -> dict[str, str]:
    """Return the providers that ONNX Runtime offers and `discover` leaves out, each with the reason."""
    known = {entry.name for entry in PROVIDERS} | {CpuProcessor(1).provider}
    offered = (*onnxruntime.get_available_providers(), *plugin_providers())
    listed = [name for name in offered if name not in known]
    return {name: _NOT_HERE.get(name, "compsel has no line for it in compsel.processors.provider") for name in listed}


def absent() -> dict[str, str]:
    """Return the words of the providers that the installed ONNX Runtime does not offer, each with what brings it."""
    return {entry.word: entry.package for entry in PROVIDERS if not is_offered(entry)}
