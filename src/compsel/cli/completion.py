"""`compsel completion`: what a shell needs to complete commands, options and paths."""

import argparse
from pathlib import Path
from typing import Any

from compsel.cli.base import Command
from compsel.cli.commands import COMMANDS
from compsel.cli.parsers import nested_parsers, parser_of
from compsel.errors import require

__all__ = ["COMMAND"]

_SHELLS = ("bash", "zsh", "fish")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=_SHELLS, help="the shell that is to complete")


def _run(arguments: argparse.Namespace) -> int:
    shtab: Any = require("shtab", extra="train")
    parser, parsers = parser_of(COMMANDS)
    for one in (
        parser,
        *parsers.values(),
        *(nested for p in parsers.values() for nested in nested_parsers(p).values()),
    ):
        for action in one._actions:
            if action.type is Path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]  # how shtab is told
    print(shtab.complete(parser, shell=arguments.shell))
    return 0


COMMAND = Command(
    "completion",
    "print what makes bash, zsh or fish complete commands, options and paths",
    "compsel completion bash > ~/.local/share/bash-completion/completions/compsel",
    _arguments,
    _run,
)
