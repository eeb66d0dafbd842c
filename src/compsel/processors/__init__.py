"""Where inference can run: the CPU in several ways, and every accelerator that ONNX Runtime can reach.

    cpu:1  cpu:2  cpu:2:nospin  cpu:all   threads; `nospin` lets waiting threads sleep; all: of this process's share
    cpu:big  cpu:mid  cpu:little          a cluster of cores, where they are not alike
    cuda:0  openvino:GPU  webgpu  ...     an execution provider and its device, see `compsel.processors.provider_table`
    openvino:CPU:precision=f32,threads=2  with options

Adding an execution provider: a line in `compsel.processors.provider_table.PROVIDERS`. Adding anything else: a file with
a `Processor` and its `ProcessorFamily`, and a line in `FAMILIES`. From outside: `register_processor`.

>>> parse("cpu:2:nospin").threads
2
>>> parse("gpu")
Traceback (most recent call last):
compsel.errors.ProcessorError: processor 'gpu': allowed are cpu:N, cpu:N:nospin, cpu:all, cpu:big, ...
"""

import re
from collections.abc import Iterator

from compsel.errors import ProcessorError, did_you_mean
from compsel.extending import load_plugins, note_origin
from compsel.processors.base import Availability, Processor, ProcessorFamily, Session
from compsel.processors.cpu import CpuFamily, CpuProcessor, default_cpu
from compsel.processors.deferred_family import DeferredFamily
from compsel.processors.ort_session import OrtSession

__all__ = [
    "FAMILIES",
    "Availability",
    "CpuProcessor",
    "OrtSession",
    "Processor",
    "ProcessorFamily",
    "Session",
    "absent",
    "default_cpu",
    "discover",
    "parse",
    "parse_available",
    "register_processor",
    "unusable",
]

# in the order in which `compsel devices` lists them
FAMILIES: list[ProcessorFamily] = [
    CpuFamily(),
    DeferredFamily("compsel.processors.clusters", "ClusterFamily"),
    DeferredFamily("compsel.processors.provider", "ProviderFamily"),
]

# what others call them
_MEANT = {
    "cpuexecutionprovider": "cpu:all",
    "cudaexecutionprovider": "cuda:0",
    "dml": "directml:0",
    "gpu": "cuda:0",
    "nvidia": "cuda:0",
    "trt": "tensorrt:0",
}
# providers that ONNX Runtime lists and that run no models of ours on this machine
_NOT_HERE = {"AzureExecutionProvider": "sends inputs to a service over the network: it is no device of this machine"}


def parse(name: str) -> Processor:
    """Return the processor called `name`; whether it can run here, its `availability()` says.

    Raises:
        ProcessorError: no such name.
    """
    if not isinstance(name, str):
        raise ProcessorError(f"processor: got {name!r}, allowed is a name: see compsel devices")
    if (processor := _known(name)) is not None:
        return processor
    load_plugins()
    if (processor := _known(name)) is not None:
        return processor
    forms = [form for family in FAMILIES for form in family.forms]
    words = [word for form in forms for word in form.split("|")]
    examples = [re.sub(r":N\b", ":1" if word.startswith("cpu") else ":0", word) for word in words]
    near = did_you_mean(name, examples, _MEANT)
    raise ProcessorError(
        f"processor {name!r}: allowed are {', '.join(forms)}{near}{' (' if near else ': '}see compsel devices"
        f"{')' if near else ''}"
    )


def _known(name: str) -> Processor | None:
    return next((found for family in FAMILIES if (found := family.parse(name)) is not None), None)


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
    load_plugins()
    return [tried for family in FAMILIES for tried in family.discover()]


class _OneProcessor(ProcessorFamily):
    """A processor that somebody registered, by its name."""

    def __init__(self, processor: Processor) -> None:
        self.forms, self._processor = (processor.name,), processor

    def parse(self, name: str) -> Processor | None:
        return self._processor if name == self._processor.name else None

    def discover(self) -> Iterator[tuple[Processor, Availability]]:
        yield self._processor, self._processor.availability()


def register_processor(added: Processor | ProcessorFamily) -> None:
    """Make a processor, or a family of them, known to the command line, to profiles and to bundles.

    Other processes (the command line and an app that loads a bundle among them) find it as `compsel.extending` says.

    Args:
        added: a processor, known by its name; or a family, where the name has parts (`cpu:2:nospin`).

    Raises:
        ProcessorError: something else, or a name that is taken.

    >>> register_processor(CpuProcessor(1))
    Traceback (most recent call last):
    compsel.errors.ProcessorError: processor 'cpu:1': the name is taken: choose another one
    """
    if not isinstance(added, Processor | ProcessorFamily):
        raise ProcessorError(f"got {added!r}, allowed is a compsel.Processor or a compsel.ProcessorFamily")
    origin = type(added)
    family = _OneProcessor(added) if isinstance(added, Processor) else added
    # a cell of a notebook that runs again defines the class again
    others = [known for known in FAMILIES if known.forms != family.forms or _built_in(known)]
    for form in family.forms:
        if any(known.parse(form) is not None or form in known.forms for known in others):
            raise ProcessorError(f"processor {form!r}: the name is taken: choose another one")
    FAMILIES[:] = [*others, family]
    note_origin(origin)


def _built_in(family: ProcessorFamily) -> bool:
    return not isinstance(family, _OneProcessor) and type(family).__module__.startswith("compsel.")


def unusable() -> dict[str, str]:
    """Return the providers that ONNX Runtime offers and `discover` leaves out, each with the reason."""
    import onnxruntime

    from compsel.processors.plugins import plugin_providers
    from compsel.processors.provider_table import PROVIDERS

    known = {entry.name for entry in PROVIDERS} | {CpuProcessor(1).provider}
    offered = (*onnxruntime.get_available_providers(), *plugin_providers())
    listed = [name for name in offered if name not in known]
    return {name: _NOT_HERE.get(name, "compsel has no line for it in compsel.processors.provider") for name in listed}


def absent() -> dict[str, str]:
    """Return the words of the providers that the installed ONNX Runtime does not offer, each with what brings it."""
    from compsel.processors.provider import is_offered
    from compsel.processors.provider_table import PROVIDERS

    return {entry.word: entry.package for entry in PROVIDERS if not is_offered(entry)}
