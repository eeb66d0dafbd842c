"""The command line: finds the command, runs it, and turns every error into one clear line and an exit status."""

import argparse
import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import compsel
from compsel.cli.base import Command
from compsel.cli.terminal import close_bars
from compsel.errors import CompselError, UsageError

__all__ = ["main"]

# a command is one module of this package and one word here
COMMANDS = (
    "demo",
    "devices",
    "networks",
    "head",
    "student",
    "compress",
    "profile",
    "train",
    "build",
    "run",
    "serve",
    "port",
    "evaluate",
    "characterize",
    "report",
)
BAD_INPUT, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run `compsel`; return 0, 2 on bad input (one line on standard error), or 130 when interrupted."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        arguments = _parser(argv).parse_args(argv)
        command: Command = arguments.command
        status = command.run(arguments)
        # here, so that a full disk or a reader that went away is noticed while it can be told
        sys.stdout.flush()
        return status
    except SystemExit as done:  # --help, --version
        return int(done.code or 0)
    except CompselError as error:
        return _fail((isinstance(error, OSError) and error.strerror) or str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return _fail("interrupted: what was measured is kept, run the same command again to go on", INTERRUPTED)
    except BrokenPipeError:
        # the reader of our output went away (for example `| head`): nobody is left to tell
        _drop_output()
        return BAD_INPUT
    except ModuleNotFoundError as error:
        return _fail(f"{error.name} is not installed: run pip install 'compsel[train]'", BAD_INPUT)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _drop_output()
        return _fail(f"{error.filename or 'standard output'}: {error.strerror or error}", BAD_INPUT)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error, instead of showing the whole usage before it."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def _drop_output() -> None:
    """Keep the interpreter from trying again, at its end, to write what could not be written."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(prog="compsel", description=compsel.__doc__.partition("\n")[0] if compsel.__doc__ else None)
    parser.add_argument("--version", action="version", version=f"compsel {compsel.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    first = next((word for word in argv if not word.startswith("-")), None)
    asked = first if first in COMMANDS else None
    for name in COMMANDS:
        if asked not in (None, name):
            continue  # import only the command that was asked for
        command: Command = import_module(f"compsel.cli.{name}").COMMAND
        sub = subparsers.add_parser(
            name,
            help=command.help,
            description=command.help,
            epilog=f"example:\n  {command.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.arguments(sub)
        sub.set_defaults(command=command)
    return parser


def _fail(message: str, status: int) -> int:
    close_bars()
    print(f"compsel: {' '.join(message.split())}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
