"""Execution providers that come as packages of their own, and what ONNX Runtime says while a provider starts."""

import contextlib
import functools
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import onnxruntime

from compsel.errors import ProcessorError
from compsel.processors.provider_table import Provider

__all__ = ["captured_log", "package_versions", "plugin_device", "plugin_providers", "provider_version"]

_PLUGIN_PREFIX = "onnxruntime_ep_"
_ORT_DEFAULT_SEVERITY, _FATAL = 2, 4
# at most one of the first is installed: they take the same place
_RUNTIMES = (
    *("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-webgpu", "onnxruntime-directml"),
    *("onnxruntime-qnn", "onnxruntime-migraphx", "onnxruntime-rocm", "onnxruntime-cann", "onnxruntime-training"),
)


@functools.cache
def plugin_providers() -> dict[str, str]:
    """Register the installed plug-in packages with ONNX Runtime, once a process.

    Such a package is called `onnxruntime_ep_...` and says where its library is and what its providers are called.

    Returns:
        The package by the name of the provider that it brings.
    """
    found: dict[str, str] = {}
    for module in pkgutil.iter_modules():
        if module.name.startswith(_PLUGIN_PREFIX) and hasattr(onnxruntime, "register_execution_provider_library"):
            # a broken plug-in must not take the others with it; its provider then counts as not installed
            with contextlib.suppress(Exception), captured_log():
                package = importlib.import_module(module.name)
                onnxruntime.register_execution_provider_library(module.name, package.get_library_path())
                found |= dict.fromkeys(package.get_ep_names(), module.name.replace("_", "-"))
    return found


def plugin_device(entry: Provider, device: str) -> Any:
    """Return ONNX Runtime's object of a plug-in's device.

    Raises:
        ProcessorError: no plug-in brings the provider, or it has no such device here.
    """
    plugged = plugin_providers()
    every = onnxruntime.get_ep_devices() if hasattr(onnxruntime, "get_ep_devices") else []
    devices = [found for found in every if found.ep_name == entry.name]
    if device.isdecimal():
        devices = devices[int(device) :]
    elif device in entry.kinds:
        devices = [found for found in devices if found.device.type.name == entry.kinds[device]]
    if not devices:
        where = "no such device on this machine" if entry.name in plugged else "not in this ONNX Runtime"
        raise ProcessorError(f"{where}; the provider comes with {entry.package}")
    return devices[0]


def package_versions() -> dict[str, str]:
    """Return the versions of the installed ONNX Runtime and of its plug-in packages, from package metadata."""
    names = (*_RUNTIMES, *dict.fromkeys(plugin_providers().values()))
    return {name: known for name in names if (known := _version(name))}


def provider_version(name: str) -> str:
    """Return package and version that a provider comes from; empty where it is not here.

    >>> provider_version("NoSuchExecutionProvider")
    ''
    """
    if name in onnxruntime.get_available_providers():
        package = next((known for known in _RUNTIMES if _version(known)), "onnxruntime")
        return f"{package} {onnxruntime.__version__}"
    package = plugin_providers().get(name, "")
    return f"{package} {_version(package)}".strip()


@functools.cache
def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version  # imports an e-mail package

    try:
        return version(package) if package else ""
    except PackageNotFoundError:
        return ""


@contextlib.contextmanager
def captured_log() -> Iterator[list[str]]:
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
