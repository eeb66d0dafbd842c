"""The command line: finds the command, runs it, and turns every error into one clear line and an exit status."""

import argparse
import contextlib
import errno
import io
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from compsel.cli.base import Command, output_for_json
from compsel.cli.commands import COMMANDS
from compsel.cli.configuration import fill, read_section, write_section
from compsel.cli.given_paths import complete_paths
from compsel.cli.parsers import (
    command_word,
    in_options,
    nested_parsers,
    option_names,
    parser_of,
    refuse_unknown_options,
)
from compsel.cli.remote_places import places_here
from compsel.cli.terminal import close_bars, set_verbosity
from compsel.errors import CompselError, UsageError, missing_dependency
from compsel.storage.locations.using import in_addresses

__all__ = ["COMMANDS", "main"]

UNFORESEEN, BAD_INPUT, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run `compsel`.

    Returns:
        0; 1 after something unforeseen, or where nothing came of it; 2 on bad input (one line on standard error); 130
        when interrupted.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    verbose, options, arguments = False, frozenset[str](), None
    _print_whatever_the_encoding()
    try:
        arguments = _parse(argv)
        verbose, options = arguments.verbosity == "verbose", getattr(arguments, "option_names", options)
        set_verbosity(arguments.verbosity)
        command: Command = arguments.command
        with places_here(arguments):
            complete_paths(arguments)
            with output_for_json(getattr(arguments, "json", None)):
                status = command.run(arguments)
        # here, so that a full disk or a reader that went away is noticed while it can be told
        sys.stdout.flush()
        return status
    except SystemExit as done:  # --help, --version
        return int(done.code or 0)
    except CompselError as error:
        said = error.strerror if isinstance(error, OSError) and not error.filename else str(error)
        named = options if isinstance(error, UsageError) else options - _given_names(arguments)
        return _fail(in_options(in_addresses(said or str(error)), named), BAD_INPUT)
    except KeyboardInterrupt:
        return _fail("interrupted: what was measured is kept, run the same command again to go on", INTERRUPTED)
    except BrokenPipeError:
        # the reader of our output went away (for example `| head`): nobody is left to tell
        _drop_output()
        return BAD_INPUT
    except ModuleNotFoundError as error:
        return _missing(error, verbose)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _drop_output()
        return _fail(f"{error.filename or 'standard output'}: {error.strerror or error}", BAD_INPUT)
    except Exception as error:
        return _unforeseen(error, verbose)


def _print_whatever_the_encoding() -> None:
    """Let names that the terminal's encoding lacks be printed as codes: no result is lost for a letter."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    name = command_word(argv)
    parser, parsers = parser_of([name] if name else [])
    refuse_unknown_options(argv, [parser, *parsers.values()])
    section = {}
    if name is not None:
        section = read_section(argv, name, parsers[name])
    arguments = parser.parse_args(_verbosity_last(argv))
    if name is None:
        parser.print_help()
        raise SystemExit(0)
    fill(arguments, section)
    arguments.option_names = option_names([parsers[name], *nested_parsers(parsers[name]).values()])
    if arguments.write_config is not None:
        write_section(arguments.write_config, name, parsers[name], arguments)
    return arguments


def _given_names(arguments: argparse.Namespace | None) -> set[str]:
    """Return the paths that were given: "bundle: is not a bundle" is of a folder of that name, and no option."""
    given = vars(arguments).values() if arguments is not None else ()
    every = [one for value in given for one in (value if isinstance(value, list) else [value])]
    return {str(value).replace("_", "-") for value in every if isinstance(value, Path)}


def _verbosity_last(argv: Sequence[str]) -> list[str]:
    """Put --quiet and --verbose last: between the values of a command argparse would end their list there."""
    end = list(argv).index("--") if "--" in argv else len(argv)
    moved = [word for word in argv[:end] if word in ("-q", "--quiet", "-v", "--verbose")]
    return [*(word for word in argv[:end] if word not in moved), *moved, *argv[end:]]


def _drop_output() -> None:
    """Keep the interpreter from trying again, at its end, to write what could not be written."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _missing(error: ModuleNotFoundError, verbose: bool) -> int:
    """Say which extra is missing; a part of compsel itself is a defect."""
    told = missing_dependency(error)
    return _unforeseen(error, verbose) if told is error else _fail(str(told), BAD_INPUT)


def _unforeseen(error: Exception, verbose: bool) -> int:
    """Say in one line what nobody thought of, and where its traceback is."""
    text = "".join(traceback.format_exception(error))
    if verbose:
        close_bars()
        print(text, end="", file=sys.stderr)
        where = "the traceback is above"
    else:
        where = "--verbose shows its traceback"
        with (
            contextlib.suppress(OSError),
            tempfile.NamedTemporaryFile("w", prefix="compsel-", suffix=".log", delete=False, encoding="utf-8") as file,
        ):
            file.write(text)
            where = f"its traceback is in {file.name}"
    message = f"unforeseen: {type(error).__name__}: {error}".rstrip(": ")
    return _fail(f"{message}: this is a defect of compsel; {where}: please report it", UNFORESEEN)


def _fail(message: str, status: int) -> int:
    close_bars()
    print(f"compsel: {' '.join(message.split())}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
