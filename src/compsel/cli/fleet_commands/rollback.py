"""`compsel fleet rollback`: an earlier release becomes the current one again."""

import argparse
from dataclasses import asdict

from compsel.cli.base import Command, write_result
from compsel.cli.fleet_commands.options import add_common, fleet_of

__all__ = ["COMMAND"]


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", type=int, metavar="NUMBER", help="which release (default: the one before)")
    add_common(parser)


def _run(arguments: argparse.Namespace) -> int:
    from compsel.fleet.releases import roll_back

    releases = roll_back(fleet_of(arguments), arguments.to)
    before, current = releases.history[-2:]
    print(f"release {current.number} is the current one again, in place of {before.number}")
    write_result(arguments.json, {**asdict(current), "history": [asdict(entry) for entry in releases.history]})
    return 0


COMMAND = Command(
    "rollback", "make an earlier release the current one", "compsel fleet rollback --to 3", _arguments, _run
)
