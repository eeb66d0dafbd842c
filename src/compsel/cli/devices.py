"""`compsel devices`: where this machine can run models, proven by running, and what goes on on it now."""

import argparse
from typing import Any

from compsel.cli.base import Command, add_json, table, write_result
from compsel.features.device import DeviceState, device_fingerprint, read_state
from compsel.processors import discover, unusable

__all__ = ["COMMAND"]

_WATCH_S = 0.3


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    # before anything runs: the proofs are load too
    state = read_state(_WATCH_S)
    processors = [
        {"name": processor.name, "provider": processor.provider, "available": found.available, "reason": found.reason}
        for processor, found in discover()
    ]
    processors += [
        {"name": name, "provider": name, "available": False, "reason": reason} for name, reason in unusable().items()
    ]
    device = device_fingerprint()
    rows = ((entry["name"], "yes" if entry["available"] else "no", entry["reason"]) for entry in processors)
    print(table(rows, ("processor", "available", "what was found")))
    print()
    print(table(_device_rows(device) + _state_rows(state), ("device", "")))
    write_result(arguments.json, {"processors": processors, "state": state.to_dict(), "device": device})
    return 0


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
        "threads that can run": _known(state.run_queue, ".0f"),
        "waiting for a core": _known(100 * state.cpu_pressure, ".0f", " % of the time"),
        "clock": _known(state.frequency_mhz, ".0f", " MHz"),
        "temperature": _known(state.temperature_c, ".0f", " °C"),
        "throttled": None if state.throttled is None else "yes" if state.throttled else "no",
        "battery": _known(state.battery_percent, ".0f", " %"),
        "free memory": _known(state.free_memory_bytes / 2**30, ".1f", " GiB"),
    }
    return [(name, text or "unknown") for name, text in known.items()]


def _known(value: float, form: str, unit: str = "") -> str | None:
    return f"{value:{form}}{unit}" if value == value else None


COMMAND = Command(
    name="devices",
    help="show where models can run on this machine, each proven by running, and its state now",
    example="compsel devices --json devices.json",
    arguments=_arguments,
    run=_run,
)
