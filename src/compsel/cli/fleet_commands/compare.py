"""`compsel fleet compare`: a new bundle against an old one, on held-out records."""

import argparse
from pathlib import Path

from compsel.cli.base import Command, write_result
from compsel.cli.fleet_commands.options import add_common, add_since, fleet_of, print_comparison
from compsel.cli.terminal import TERMINAL

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", type=Path, help="folder of a bundle")
    parser.add_argument("new", type=Path, help="folder of the bundle that is compared with it")
    add_since(parser, "compare on")
    add_common(parser, "comparing")


def _run(arguments: argparse.Namespace) -> int:
    from compsel.fleet.compare import compare_bundles

    found = compare_bundles(
        fleet_of(arguments),
        arguments.old,
        arguments.new,
        since=arguments.since,
        memory_limit_mb=arguments.memory_limit_mb,
        reporter=TERMINAL,
    )
    print_comparison(found)
    write_result(arguments.json, found.to_dict())
    return 0


COMMAND = Command(
    "compare", "compare two bundles on held-out records", "compsel fleet compare bundle/ new/", _arguments, _run
)
