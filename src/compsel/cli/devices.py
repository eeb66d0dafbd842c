"""`compsel devices`: where this machine can run models, proven by running, and what goes on on it now."""

import argparse
import statistics
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.tables import print_table
from compsel.device.energy import find_meters
from compsel.device.fingerprint import device_fingerprint
from compsel.device.sampler import DeviceState, read_state
from compsel.errors import CompselError, CrashError
from compsel.inputs.tensor_specs import TensorSpec
from compsel.processors import Availability, Processor, absent, discover, parse, unusable
from compsel.processors.plugins import package_versions
from compsel.processors.provider import ProviderProcessor
from compsel.processors.trial import trial

__all__ = ["COMMAND"]

_WATCH_S = 0.3
_WARM_UP_RUNS, _RUNS = 2, 5


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", type=Path, metavar="ONNX", help="also run this model on each, and say what runs there"
    )
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.model:
        plain = parse("cpu:1")
        if ended := _ended(plain, arguments.model):
            raise CrashError(f"{arguments.model}: {ended}")
        plain.open(str(arguments.model)).close()  # what is no model is said at once
    # before anything runs: trying processors is load too
    state = read_state(_WATCH_S)
    tried = discover()
    processors = [_entry(processor, found) for processor, found in tried]
    processors += [
        {"name": name, "provider": name, "available": False, "reason": reason, "version": ""}
        for name, reason in unusable().items()
    ]
    device, missing, versions = device_fingerprint(), absent(), package_versions()
    rows = (
        (entry["name"], "yes" if entry["available"] else "no", entry["version"], entry["reason"])
        for entry in processors
    )
    print_table(rows, ("processor", "available", "from", "what was found"))
    print("\nnot in this ONNX Runtime:")
    print("\n".join(f"  {word}: comes with {package}" for word, package in missing.items()) or "  none")
    runs = [_run_model(processor, arguments.model) for processor, found in tried if found.available and arguments.model]
    if arguments.model:
        print()
        print_table(map(_model_row, runs), (arguments.model.name, "median ms", "placement"))
    found = find_meters()
    print()
    print_table(((m.name, "yes" if m.available else "no", m.reason) for m in found), ("energy meter", "readable", "of"))
    print()
    print_table(_device_rows(device) + _state_rows(state), ("device", ""))
    result: dict[str, Any] = {"processors": processors, "absent": missing, "versions": versions}
    result["meters"] = [asdict(meter) for meter in found]
    write_result(arguments.json, {**result, "model": runs, "state": state.to_dict(), "device": device})
    return 0


def _entry(processor: Processor, found: Availability) -> dict[str, Any]:
    return {
        "name": processor.name,
        "provider": processor.provider,
        "available": found.available,
        "reason": found.reason,
        "version": found.version,
    }


def _run_model(processor: Processor, model: Path) -> dict[str, Any]:
    """Run a model with random inputs on a processor; where that fails, say why."""
    try:
        if ended := _ended(processor, model):
            raise CrashError(ended)
        session = processor.open(str(model))
        try:
            feeds = {spec.name: _random(spec) for spec in session.inputs}
            times_ms = []
            for run in range(-_WARM_UP_RUNS, _RUNS):
                begin = time.perf_counter_ns()
                session.run(feeds)
                times_ms += [(time.perf_counter_ns() - begin) / 1e6] if run >= 0 else []
        finally:
            session.close()
        placement = processor.placement(str(model), feeds) if isinstance(processor, ProviderProcessor) else None
    except CompselError as error:
        return {"name": processor.name, "error": str(error)}
    return {
        "name": processor.name,
        "latency_ms": statistics.median(times_ms),
        "placement": {
            "node_share": placement.node_share if placement else 1.0,
            "time_share": placement.time_share if placement else 1.0,
            "elsewhere": list(placement.elsewhere) if placement else [],
            "text": str(placement) if placement else "wholly placed",
        },
    }


def _ended(processor: Processor, model: Path) -> str:
    """Say how a model ends the process that runs it on a processor; "" where it does not."""
    from compsel.models.model import Model  # needs onnx, which an app need not have

    try:
        feeds = {spec.name: _random(spec) for spec in Model.load(model).inputs}
    except CompselError:  # it is said where the model is opened
        return ""
    return trial(processor, model, feeds)


def _random(spec: TensorSpec) -> np.ndarray:
    values = np.random.default_rng(0).random([axis or 1 for axis in spec.shape or ()])
    if spec.dtype not in np.sctypeDict:
        raise CompselError(f"input {spec.name!r}: no random values of type {spec.dtype!r} can be made")
    return (values if spec.dtype.startswith("float") else values > 1).astype(spec.dtype)


def _model_row(run: dict[str, Any]) -> tuple[str, str, str]:
    if "error" in run:
        return run["name"], "", run["error"]
    return run["name"], f"{run['latency_ms']:.2f}", run["placement"]["text"]


def _device_rows(device: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("processor", f"{device['cpu']} ({device['architecture']})"),
        ("cores", f"{device['cores']}, usable {device['usable_cores']}"),
        ("instruction sets", " ".join(device["instruction_sets"]) or "unknown"),
        ("memory", f"{device['memory_gib']} GiB"),
        ("system", device["system"]),
        ("runtime", device["onnxruntime"]),
    ]


def _state_rows(state: DeviceState) -> list[tuple[str, str]]:
    known = {
        "load by others": _known(state.load_others, ".2f", " cores"),
        "threads of others": _known(state.runnable_others, ".1f", " that can run"),
        "waiting for a core": _known(100 * state.cpu_pressure, ".0f", " % of the time"),
        "clock": _known(state.frequency_mhz, ".0f", " MHz"),
        "temperature": _known(state.temperature_c, ".0f", " °C"),
        "throttled": None if state.throttled is None else "yes" if state.throttled else "no",
        "battery": _known(state.battery_percent, ".0f", " %"),
        "free memory": _known(state.free_memory_bytes / 2**30, ".1f", " GiB"),
        "GPU": _known(100 * state.gpu_use, ".0f", " % busy"),
        "free GPU memory": _known(state.gpu_free_memory_bytes / 2**30, ".1f", " GiB"),
    }
    return [(name, text or "unknown") for name, text in known.items()]


def _known(value: float, form: str, unit: str = "") -> str | None:
    return f"{value:{form}}{unit}" if value == value else None


COMMAND = Command(
    name="devices",
    help="show where models can run on this machine, each proven by running, and its state now",
    example="compsel devices --model small.onnx --json devices.json",
    arguments=_arguments,
    run=_run,
)
