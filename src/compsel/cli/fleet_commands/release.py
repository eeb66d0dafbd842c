"""`compsel fleet release`: a bundle becomes the current one, where it beats the one that is."""

import argparse
from dataclasses import asdict
from pathlib import Path

from compsel.cli.base import Command, write_result
from compsel.cli.fleet_commands.options import add_common, add_since, fleet_of, print_comparison
from compsel.cli.terminal import TERMINAL

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("new", type=Path, help="folder of the bundle")
    add_since(parser, "compare on")
    add_common(parser, "comparing")


def _run(arguments: argparse.Namespace) -> int:
    from compsel.fleet.releases import release

    releases, found = release(
        fleet_of(arguments, begins=True),
        arguments.new,
        since=arguments.since,
        memory_limit_mb=arguments.memory_limit_mb,
        reporter=TERMINAL,
    )
    current = releases.history[-1]
    if found is not None:
        print_comparison(found)
    print(f"release {current.number} is the current one: {releases.bundle_of(current.number)}")
    comparison = None if found is None else found.to_dict()
    write_result(arguments.json, {**asdict(current), "comparison": comparison})
    return 0


COMMAND = Command(
    "release", "release a bundle that beats the current one", "compsel fleet release new/", _arguments, _run
)
