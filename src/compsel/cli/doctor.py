"""`compsel doctor`: what is installed, what this machine is good at, and what could be faster, with what to do."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

import compsel
from compsel.cli.base import Command, add_json, write_result
from compsel.cli.tables import print_table

if TYPE_CHECKING:
    from compsel.profiling.machine import Diagnosis

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.profiling.machine import diagnose
    from compsel.profiling.machine.advice import findings, int8_verdict

    seen = diagnose()
    found = findings(seen)
    print(int8_verdict(seen))
    if seen.threads is not None:
        print(f"{seen.device['usable_cores']} threads: {seen.threads.value:.1f}x the speed of one")
    print()
    if found:
        print("what could be better here:")
        for finding in found:
            print(f"- {finding.what}: {finding.why}\n  -> {finding.do}")
    else:
        print("nothing to improve was found")
    print()
    print_table(_rows(seen), ("machine", ""))
    print()
    print_table(_package_rows(seen), ("packages", ""))
    print("\ncompsel devices runs a small graph on every processor and shows what works")
    verdict = {"int8": int8_verdict(seen), "findings": [asdict(finding) for finding in found]}
    write_result(arguments.json, {"version": compsel.__version__, **verdict, **seen.to_dict()})
    return 0


def _rows(seen: "Diagnosis") -> list[tuple[str, str]]:
    device, state = seen.device, seen.state
    quota = "" if seen.quota is None else f", quota {seen.quota:g}"
    physical = "" if device["physical_cores"] is None else f" ({device['physical_cores']} physical)"
    meters = [meter.name for meter in seen.meters if meter.available]
    return [
        ("processor", f"{device['cpu']} ({device['architecture']})"),
        ("cores", f"{device['cores']}{physical}, usable {device['usable_cores']}{quota}"),
        ("instruction sets", " ".join(device["instruction_sets"]) or "unknown"),
        ("governor", ", ".join(seen.governors) or "unknown"),
        ("load by others", "unknown" if state.load_others != state.load_others else f"{state.load_others:.2f} cores"),
        ("memory", f"{device['memory_gib']} GiB, free {state.free_memory_bytes / 2**30:.1f} GiB"),
        ("NVIDIA GPUs", str(seen.gpus)),
        ("energy meters", ", ".join(meters) or "none"),
        ("system", device["system"]),
        ("providers", ", ".join(seen.providers)),
    ]


def _package_rows(seen: "Diagnosis") -> list[tuple[str, str]]:
    rows = [("compsel", compsel.__version__), ("ONNX Runtime", seen.device["onnxruntime"])]
    for extra in seen.extras:
        versions = ", ".join(f"{name} {found or 'MISSING'}" for name, found in extra.versions.items())
        rows.append((f"extra {extra.name}" if extra.name else "needed", versions))
    return rows


COMMAND = Command(
    "doctor",
    "say what is installed, what this machine is good at, and what could be faster, with what to do",
    "compsel doctor --json doctor.json",
    _arguments,
    _run,
)
