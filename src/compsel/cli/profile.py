"""`compsel profile`: compress models and measure what each way costs and breaks on this device."""

import argparse
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.model_options import add_model_options, model_of
from compsel.cli.options import add_measuring, add_samples, check_budget, samples_of
from compsel.cli.tables import print_table
from compsel.cli.terminal import TERMINAL, is_verbose
from compsel.errors import UsageError

if TYPE_CHECKING:
    from compsel.building.options import Measuring
    from compsel.profiling.candidates import Candidate
    from compsel.profiling.energy_table import EnergyTable
    from compsel.profiling.profile import Profile

__all__ = ["COMMAND", "measuring"]


def measuring(arguments: argparse.Namespace) -> "Measuring":
    """Return what is to be measured, and how; every word is checked now, not after hours.

    Raises:
        UsageError, TechniqueError, ProcessorError, ProfileError, SelectorError: a word or a number that is not allowed.
    """
    from compsel.building.options import Measuring
    from compsel.building.time_limit import seconds_of
    from compsel.device.energy import open_meter
    from compsel.processors import parse_available
    from compsel.profiling.latency import Criterion
    from compsel.profiling.output_quality import OutputQuality

    if arguments.calibration < 1:
        raise UsageError(f"--calibration: got {arguments.calibration}, allowed is 1 or more")
    check_budget(arguments.budget)
    options = Measuring(
        techniques=arguments.technique,
        processors=arguments.processor,
        states=arguments.state,
        calibration=arguments.calibration,
        criterion=Criterion(budget_s=arguments.budget),
        meter=arguments.meter,
        time_limit_s=None if arguments.time_limit is None else seconds_of(arguments.time_limit),
        output_quality=OutputQuality(arguments.quality, arguments.confidence, arguments.good_enough),
    )
    options.check()
    if arguments.meter is not None:
        open_meter(arguments.meter).close()
    for word in arguments.processor or ():
        parse_available(word)
    return options


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.onnx")
    add_samples(parser)
    add_model_options(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="PROFILE", help="folder of the profile")
    add_measuring(parser)
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.measure import measure
    from compsel.profiling.partial_placement import read_partly_placed

    options = measuring(arguments)
    samples = samples_of(arguments)
    models = [model_of(arguments, path) for path in arguments.models]
    profile, left_out = measure(
        models, samples, arguments.out, replace(options, origin=f"{len(samples)} samples"), reporter=TERMINAL
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
            "left_out": [{"variant": f"{o.model}/{o.technique}", "reason": o.reason} for o in left_out],
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
                f"{row['size_mb']:.1f}",
                f"{row['quality']:.4f}",
                _figure(_least_when_idle(row["latency_ms"])),
                f"dominated by {row['dominated']['by']}" if row["dominated"] else "",
            )
            for row in rows
        ],
        ("variant", "MB", "quality", "ms, idle, best processor", "verdict"),
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
