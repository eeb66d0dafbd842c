"""`compsel port`: bring a bundle that was made elsewhere to this device with a few measurements."""

import argparse
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.options import add_bundle_out
from compsel.cli.terminal import TERMINAL

if TYPE_CHECKING:
    from compsel.bundle.bundle import Bundle

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that was built on another device")
    add_bundle_out(parser, "the ported bundle", "BUNDLE2")
    parser.add_argument(
        "--share", type=float, default=0.05, metavar="F", help="of the pairs of choice and state (default 0.05)"
    )
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.verbs.port import port
    from compsel.bundle.bundle import Bundle

    ported = port(arguments.bundle, arguments.out, share=arguments.share, replace=arguments.replace, reporter=TERMINAL)
    print(_result(Bundle.load(arguments.bundle), Bundle.load(arguments.out)))
    print(
        f"Measured in {ported.seconds:.0f} s: {ported.pairs} pairs of a choice and a state, {ported.share:.1%} of "
        f"those of {len(ported.processors)} processors in {len(ported.states)} states; expected error of a latency "
        f"{math.expm1(ported.error):.0%}"
    )
    if ported.unknown:
        print(f"New here, where the bundle was not measured: {', '.join(ported.unknown)}")
    print(f"Next: compsel evaluate {arguments.out} --samples SAMPLES, on this device.")
    write_result(arguments.json, asdict(ported))
    return 0


def _result(old: "Bundle", new: "Bundle") -> str:
    """Return what each variant that the policy may choose takes here, and took where it was built."""
    from compsel.evaluation.result_words import ms_words

    parts = []
    for variant in new.policies["adaptive"].variants:
        processor, latency_ms = new.costs.processors(variant, new.costs.idle)
        where, before_ms = old.costs.processors(variant, old.costs.idle)
        instead = f"instead of {ms_words(before_ms)}" + (f" on {where}" if where != processor else "")
        parts.append(f"{variant} on {processor} {ms_words(latency_ms)} {instead}")
    return f"{new.folder} is ready for this device. Idle: {'; '.join(parts)} where it was built."


COMMAND = Command(
    "port",
    "bring a bundle that was made elsewhere to this device with a few measurements",
    "compsel port bundle/ --out bundle-here/",
    _arguments,
    _run,
)
