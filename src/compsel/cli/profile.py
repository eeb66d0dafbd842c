"""`compsel profile`: compress models and measure what each way costs and breaks on this device."""

import argparse
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.model_options import add_measured_models, model_options
from compsel.cli.options import add_measuring, given_options, samples_to_open
from compsel.cli.running_options import add_running, with_backend
from compsel.cli.tables import print_table
from compsel.cli.terminal import TERMINAL, is_verbose
from compsel.storage.sizes import size_words

if TYPE_CHECKING:
    from compsel.profiling.candidates import Candidate
    from compsel.profiling.energy_table import EnergyTable
    from compsel.profiling.profile import Profile

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_measured_models(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="PROFILE", help="folder of the profile")
    add_measuring(parser)
    add_running(parser, "models are compressed and judged")
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.verbs.options import MeasuringOptions
    from compsel.building.verbs.profile import profile as measured
    from compsel.profiling.partial_placement import read_partly_placed

    profile = measured(
        arguments.models,
        samples_to_open(arguments),
        arguments.out,
        **model_options(arguments),
        reporter=TERMINAL,
        **with_backend(arguments, given_options(arguments, MeasuringOptions)),
    )
    rows = _rows(profile, arguments.out)
    placed = read_partly_placed(arguments.out)
    energy = profile.energy
    _print(rows, placed, energy)
    write_result(
        arguments.json,
        {
            "energy": {"meter": energy.meter, "estimated": energy.estimated} if energy else None,
            "variants": rows,
            "partly_placed": [{"variant": n, "processor": p, "placement": text} for (n, p), text in placed.items()],
            "left_out": [{"variant": name, "reason": reason} for name, reason in profile.left_out.items()],
        },
    )
    return 0


def _rows(profile: "Profile", folder: Path) -> list[dict[str, Any]]:
    """Return what was measured of each variant, as the JSON has it."""
    from compsel.profiling.candidates import candidates

    latency = profile.latency.by_choice() if profile.latency is not None else {}
    latency_ms = {choice: float(values.mean()) for choice, values in latency.items()}
    energy_mj = profile.energy.energy_mj if profile.energy else {}
    by_name = {candidate.variant: candidate for candidate in candidates(profile, folder / "variants")}
    return [
        {
            "variant": variant.name,
            "size_mb": variant.size_bytes / 1e6,
            "quality": float(profile.quality[:, column].mean()),
            "latency_ms": _by_place(latency_ms, variant.name),
            "energy_mj": _by_place(energy_mj, variant.name) or None,
            "peak_memory_mb": {
                processor: value for (name, processor), value in profile.memory_mb.items() if name == variant.name
            },
            "dominated": _dominated(by_name.get(variant.name)),
        }
        for column, variant in enumerate(profile.variants)
    ]


def _by_place(values: Mapping[tuple[str, str, str], float], variant: str) -> dict[str, float]:
    """Return the values of a variant, by "processor, state"."""
    return {f"{processor}, {state}": value for (name, processor, state), value in values.items() if name == variant}


def _dominated(candidate: "Candidate | None") -> dict[str, Any] | None:
    if candidate is None or candidate.domination is None:
        return None
    return {**asdict(candidate.domination), "how": str(candidate.domination), "why": candidate.why}


def _print(rows: list[dict[str, Any]], placed: dict[tuple[str, str], str], energy: "EnergyTable | None") -> None:
    print_table(
        [
            (
                row["variant"],
                size_words(row["size_mb"]),
                f"{row['quality']:.4f}",
                _figure(_least_when_idle(row["latency_ms"])),
                f"dominated by {row['dominated']['by']}" if row["dominated"] else "",
            )
            for row in rows
        ],
        ("variant", "size", "quality", "ms, idle, best processor", "verdict"),
    )
    for (name, processor), text in placed.items():
        print(f"{name} on {processor}: {text}")
    if energy is not None:
        kind = "an estimate, not measured" if energy.estimated else "measured"
        print(f"energy of one inference, {kind} ({energy.meter}):")
        for row in rows:
            energy_mj = _least_when_idle(row["energy_mj"] or {})
            print(f"  {row['variant']}: {_figure(energy_mj)} mJ, idle, thriftiest processor")
    for row in rows if is_verbose() else ():
        if row["dominated"]:
            why = row["dominated"]["why"]
            print(f"{row['variant']}: {row['dominated']['how']}" + (f": {why}" if why else ""))


def _figure(value: float) -> str:
    """Return a figure; a dash where it was not measured."""
    return f"{value:.2f}" if math.isfinite(value) else "-"


def _least_when_idle(values: dict[str, float]) -> float:
    return min((value for place, value in values.items() if place.endswith("idle")), default=math.nan)


COMMAND = Command(
    "profile",
    "compress models and measure what each way costs and breaks on this device",
    "compsel profile lite0.onnx lite2.onnx --samples val/ --out profile/",
    _arguments,
    _run,
)
