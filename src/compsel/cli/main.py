"""The command line: finds the command, runs it, and turns every error into one clear line and an exit status."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import compsel
from compsel.cli.base import Command
from compsel.errors import CompselError

__all__ = ["main"]

# a command is one module of this package and one word here
COMMANDS = ("demo", "devices", "networks", "compress", "profile", "train", "build", "run", "evaluate")
BAD_INPUT, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run `compsel`; return 0, 2 on bad input (one line on standard error), or 130 when interrupted."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        arguments = _parser(argv).parse_args(argv)
        command: Command = arguments.command
        return command.run(arguments)
    except CompselError as error:
        return _fail(str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return _fail("interrupted: what was measured is kept, run the same command again to go on", INTERRUPTED)
    except BrokenPipeError:
        # the reader of our output went away (for example `| head`): nobody is left to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BAD_INPUT
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), BAD_INPUT)


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="compsel", description=compsel.__doc__.partition("\n")[0] if compsel.__doc__ else None
    )
    parser.add_argument("--version", action="version", version=f"compsel {compsel.__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    asked = next((word for word in argv if word in COMMANDS), None)
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
    print(f"compsel: {' '.join(message.split())}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
