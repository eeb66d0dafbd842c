"""Processors other than the CPU: ONNX Runtime's execution providers, built in or plugged in, one table line each."""

import contextlib
import functools
import importlib
import os
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import onnxruntime

from compsel.errors import ProcessorError
from compsel.processors.base import Availability, Processor
from compsel.processors.proof import prove
from compsel.processors.session import FELL_BACK, OrtSession, session_options

__all__ = ["PROVIDERS", "Provider", "ProviderProcessor", "plugged_providers"]


@dataclass(frozen=True, slots=True)
class Provider:
    """One line of the table: an execution provider and its devices.

    Attributes:
        word: the first part of a processor's name.
        name: ONNX Runtime's name of it.
        devices: what is looked for; "" where the provider has only one.
        option: the provider's option that takes the device; "" where it takes none.
        package: what brings it.
    """

    word: str
    name: str
    devices: tuple[str, ...] = ("",)
    option: str = ""
    package: str = "a build of ONNX Runtime with it"


PROVIDERS = (
    Provider("cuda", "CUDAExecutionProvider", ("0",), "device_id", "onnxruntime-gpu"),
    Provider("tensorrt", "TensorrtExecutionProvider", ("0",), "device_id", "onnxruntime-gpu and TensorRT"),
    Provider("tensorrt-rtx", "NvTensorRTRTXExecutionProvider", ("0",), "device_id", "onnxruntime-ep-nv-tensorrt-rtx"),
    Provider("migraphx", "MIGraphXExecutionProvider", ("0",), "device_id", "onnxruntime-migraphx"),
    Provider("openvino", "OpenVINOExecutionProvider", ("CPU", "GPU", "NPU"), "device_type", "onnxruntime-openvino"),
    Provider("webgpu", "WebGpuExecutionProvider", package="onnxruntime-webgpu or onnxruntime-ep-webgpu"),
    Provider("directml", "DmlExecutionProvider", ("0",), "device_id", "onnxruntime-directml"),
    Provider("coreml", "CoreMLExecutionProvider", ("ALL", "CPUAndGPU", "CPUAndNeuralEngine"), "MLComputeUnits"),
    Provider("qnn", "QNNExecutionProvider", ("htp", "gpu", "cpu"), "backend_type", "onnxruntime-qnn"),
    Provider("nnapi", "NnapiExecutionProvider"),
    Provider("xnnpack", "XnnpackExecutionProvider"),
    Provider("dnnl", "DnnlExecutionProvider"),
    Provider("vitisai", "VitisAIExecutionProvider"),
    Provider("cann", "CANNExecutionProvider", ("0",), "device_id", "onnxruntime-cann"),
)
_PLUGIN_PREFIX = "onnxruntime_ep_"
_ORT_DEFAULT_SEVERITY, _FATAL = 2, 4


@dataclass(frozen=True)
class ProviderProcessor(Processor):
    """One device of one execution provider. Every operator runs on it, or the session does not open.

    Attributes:
        entry: the provider's line in `PROVIDERS`.
        device: one of its devices, or another number for those that are numbered.
        name: for example "cuda:0", "openvino:GPU", "webgpu".

    >>> line = next(line for line in PROVIDERS if line.word == "openvino")
    >>> ProviderProcessor(line, "GPU").name
    'openvino:GPU'
    """

    entry: Provider
    device: str = ""
    name: str = field(init=False)
    provider: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        numbered = self.entry.devices == ("0",) and self.device.isdecimal()
        if self.device not in self.entry.devices and not numbered:
            allowed = "a number" if self.entry.devices == ("0",) else " or ".join(map(repr, self.entry.devices))
            raise ProcessorError(f"{self.entry.word}: got device {self.device!r}, allowed is {allowed}")
        object.__setattr__(self, "name", f"{self.entry.word}:{self.device}".rstrip(":"))
        object.__setattr__(self, "provider", self.entry.name)

    def availability(self) -> Availability:
        """Say whether the provider is there, and whether all of a small graph runs on it with the CPU's answer."""
        return prove(self, f"ONNX Runtime {onnxruntime.__version__}")

    def open(self, variant: bytes | str | os.PathLike[str]) -> OrtSession:
        """Load a variant (its path, or the bytes of its ONNX file).

        Raises:
            ModelError: not a model, a truncated one, or an operator that the runtime lacks.
            ProcessorError: no such provider or device here, or one that would leave a part of the graph to the CPU.
        """
        options = session_options()
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        settings = {self.entry.option: self.device} if self.entry.option else {}
        plugged = None
        if self.provider not in onnxruntime.get_available_providers():
            plugged = self._plugged_device()
            options.add_provider_for_devices([plugged], {})
        with _captured_log() as log:
            try:
                session = OrtSession(variant, options, () if plugged else [(self.provider, settings)])
            except ProcessorError as error:
                reason = (
                    "it did not start, or cannot run every operator of the model" if FELL_BACK in str(error) else error
                )
                raise ProcessorError(f"{self.name}: {reason}{_details(log)}") from error
        if session.provider != self.provider:
            session.close()
            raise ProcessorError(f"{self.name}: the session fell back to {session.provider}")
        return session

    def _plugged_device(self) -> Any:
        plugged = plugged_providers()
        devices = [device for device in onnxruntime.get_ep_devices() if device.ep_name == self.provider]
        if self.device.isdecimal():
            devices = devices[int(self.device) :]
        elif self.device in ("CPU", "GPU", "NPU"):
            devices = [device for device in devices if device.device.type.name == self.device]
        if not devices:
            where = "no such device on this machine" if self.provider in plugged else "not in this ONNX Runtime"
            raise ProcessorError(f"{self.name}: {where}; the provider comes with {self.entry.package}")
        return devices[0]


def _details(log: list[str]) -> str:
    return f" ({log[-1]})" if log else ""


@functools.cache
def plugged_providers() -> tuple[str, ...]:
    """Register the installed plug-in packages with ONNX Runtime, once a process; return the names of their providers.

    Such a package is called `onnxruntime_ep_...` and says where its library is and what its providers are called.
    """
    names: list[str] = []
    for module in pkgutil.iter_modules():
        if module.name.startswith(_PLUGIN_PREFIX) and hasattr(onnxruntime, "register_execution_provider_library"):
            # a broken plug-in must not take the others with it; its provider then counts as not installed
            with contextlib.suppress(Exception), _captured_log():
                package = importlib.import_module(module.name)
                onnxruntime.register_execution_provider_library(module.name, package.get_library_path())
                names.extend(package.get_ep_names())
    return tuple(names)


@contextlib.contextmanager
def _captured_log() -> Iterator[list[str]]:
    """Collect what ONNX Runtime logs for the whole process while a provider starts: that is where it gives the reason.

    Older versions cannot pass it on; there it is only kept from standard error.
    """
    messages: list[str] = []
    redirect = getattr(onnxruntime, "set_default_logger_callback", None)
    if redirect is None:
        onnxruntime.set_default_logger_severity(_FATAL)
    else:
        redirect(lambda *entry: messages.append(" ".join(str(entry[-1]).split())), _ORT_DEFAULT_SEVERITY)
    try:
        yield messages
    finally:
        if redirect is not None:
            redirect(None)
        onnxruntime.set_default_logger_severity(_ORT_DEFAULT_SEVERITY)
