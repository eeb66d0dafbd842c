"""`compsel fleet`: what devices recorded becomes a better bundle; its words are modules of `fleet_commands`."""

import argparse
from importlib import import_module

from compsel.cli.base import Command
from compsel.errors import UsageError

__all__ = ["COMMAND", "WORDS"]

# in the order in which they are used
WORDS = ("ingest", "merge", "retrain", "compare", "release", "rollback")


def _arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="|".join(WORDS), dest="action")
    for word in WORDS:
        command = _command(word)
        nested = actions.add_parser(word, help=command.help, epilog=f"example: {command.example}")
        command.arguments(nested)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.action is None:
        raise UsageError(f"compsel fleet: got nothing to do, allowed are {', '.join(WORDS)}: see compsel fleet --help")
    return _command(arguments.action).run(arguments)


def _command(word: str) -> Command:
    command: Command = import_module(f"compsel.cli.fleet_commands.{word}").COMMAND
    return command


COMMAND = Command(
    "fleet",
    "learn from what many devices recorded",
    "compsel fleet ingest uploads/ && compsel fleet merge",
    _arguments,
    _run,
)
