"""`compsel port`: bring a bundle that was made elsewhere to this device with a few measurements."""

import argparse
import math
from dataclasses import asdict
from pathlib import Path

from compsel.cli.base import Command, add_json, write_result
from compsel.cli.terminal import TERMINAL

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that was built on another device")
    parser.add_argument("--out", type=Path, required=True, metavar="BUNDLE2", help="where the ported bundle goes")
    parser.add_argument(
        "--share", type=float, default=0.05, metavar="F", help="of the pairs of choice and state (default 0.05)"
    )
    parser.add_argument("--replace", action="store_true", help="replace a bundle that is there already")
    add_json(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.building.verbs.port import port

    ported = port(arguments.bundle, arguments.out, share=arguments.share, replace=arguments.replace, reporter=TERMINAL)
    print(
        f"{arguments.out}: {len(ported.processors)} processors in {len(ported.states)} states from {ported.pairs} "
        f"pairs of a choice and a state, {ported.share:.1%} of them all, in {ported.seconds:.0f} s; expected error "
        f"of a latency {math.expm1(ported.error):.0%}"
    )
    if ported.unknown:
        print(f"not known to the old costs: {', '.join(ported.unknown)}")
    write_result(arguments.json, asdict(ported))
    return 0


COMMAND = Command(
    "port",
    "bring a bundle that was made elsewhere to this device with a few measurements",
    "compsel port bundle/ --out bundle-here/",
    _arguments,
    _run,
)
