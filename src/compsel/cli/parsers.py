"""From words to arguments: the parser of every command, the options of all, and what to say of a wrong word."""

import argparse
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any, NoReturn

import compsel
from compsel.cli.commands import COMMANDS, GROUPS, load_command
from compsel.errors import UsageError, did_you_mean

__all__ = ["command_word", "in_options", "nested_parsers", "option_names", "parser_of", "refuse_unknown_options"]

EXIT_STATUSES = """exit status:
  0    done
  1    something unforeseen: the line on standard error says where the traceback is; or nothing came of it
  2    bad input: one line on standard error says what, and what to do
  130  interrupted: what was measured is kept"""
_WIDEST = 110  # columns of the help
# what other tools call the commands
_MEANT = {
    "bench": "perf",
    "benchmark": "perf",
    "convert": "compress",
    "infer": "run",
    "info": "doctor",
    "optimise": "build",
    "optimize": "build",
    "predict": "run",
    "prune": "compress",
    "quantise": "compress",
    "quantize": "compress",
    "test": "evaluate",
    "validate": "evaluate",
}
_WITH_VALUE = ("--config", "--write-config")


class CommandParser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error, instead of showing the whole usage before it.

    >>> CommandParser(prog="compsel nap").parse_args(["--loud"])
    Traceback (most recent call last):
    compsel.errors.UsageError: unrecognized arguments: --loud (see compsel nap --help)
    """

    example = ""

    def __init__(self, *args: Any, **options: Any) -> None:
        # abbreviations: what is one today, such as --tech, is not with the next option; and the file of options and
        # what says which option is meant would not see them
        super().__init__(*args, **{"allow_abbrev": False, **options})

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        shown = f": for example {self.example}" if self.example and "required" in message else ""
        raise UsageError(f"{message}{shown} (see {self.prog} --help)")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            allowed = [str(choice) for choice in action.choices]
            raise argparse.ArgumentError(
                action, f"got {value!r}, allowed are {', '.join(allowed)}{did_you_mean(str(value), allowed)}"
            )


class RootParser(CommandParser):
    """The parser of `compsel` itself, whose help lists the commands by what one wants to do.

    >>> RootParser(prog="compsel").format_help().splitlines()[0]
    'usage: compsel COMMAND ...'
    """

    def format_help(self) -> str:
        """Return what `compsel --help` prints."""
        width = max(map(len, COMMANDS))
        columns = min(shutil.get_terminal_size().columns, _WIDEST)
        described = (compsel.__doc__ or "").partition("\n")[0]
        lines = ["usage: compsel COMMAND ...", "", described]
        for group, names in GROUPS.items():
            lines += ["", f"{group}:"]
            for name in names:
                start, rest = f"  {name:{width}}  ", " " * (width + 4)
                lines += wrap(load_command(name).help, columns, initial_indent=start, subsequent_indent=rest)
        formatter = argparse.HelpFormatter(self.prog, width=columns)
        formatter.start_section("options, before or after the command")
        formatter.add_arguments(action for action in self._actions if action.option_strings)
        formatter.end_section()
        lines += ["", formatter.format_help().rstrip(), "", EXIT_STATUSES, ""]
        lines += ["compsel COMMAND --help has the options of a command, and an example.", ""]
        return "\n".join(lines)


def command_word(argv: Sequence[str]) -> str | None:
    """Return the command that is asked for; None without one.

    Raises:
        UsageError: there is no such command.

    >>> command_word(["--config", "mine.toml", "build", "a.onnx"])
    'build'
    """
    words = iter(argv)
    for word in words:
        if word in _WITH_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            if word not in COMMANDS:
                raise UsageError(f"got command {word!r}, allowed are {', '.join(COMMANDS)}{_hint(word, COMMANDS)}")
            return word
    return None


def _hint(word: str, allowed: Iterable[str]) -> str:
    return did_you_mean(word, allowed, _MEANT) or " (see compsel --help)"


def parser_of(names: Iterable[str]) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Return the parser that knows the commands `names`, and the parser of each; only those are imported."""
    parser = RootParser(prog="compsel")
    parser.add_argument("--version", action="version", version=f"compsel {compsel.__version__}")
    parser.set_defaults(verbosity="normal", config=None, write_config=None, command=None)
    _add_common(parser)
    subparsers = parser.add_subparsers(metavar="COMMAND", parser_class=CommandParser)
    parsers: dict[str, argparse.ArgumentParser] = {}
    for name in names:
        command = load_command(name)
        sub = subparsers.add_parser(
            name,
            help=command.help,
            description=command.help,
            epilog=f"example:\n  {command.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.example = command.example
        command.arguments(sub)
        sub.set_defaults(command=command)
        for one in (sub, *nested_parsers(sub).values()):
            _add_common(one)
        parsers[name] = sub
    return parser, parsers


def _add_common(parser: argparse.ArgumentParser) -> None:
    # suppressed: the default of a command would undo an option that stands before it
    group = parser.add_argument_group("options of every command")
    for flags, level, text in (
        (("-q", "--quiet"), "quiet", "print results and errors only"),
        (("-v", "--verbose"), "verbose", "print all details, and the traceback of what is unforeseen"),
    ):
        group.add_argument(
            *flags, dest="verbosity", action="store_const", const=level, default=argparse.SUPPRESS, help=text
        )
    group.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="options from a TOML file; those given here win (default: compsel.toml in the working directory, where "
        "it is, which may then name no code)",
    )
    group.add_argument(
        "--write-config",
        type=Path,
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="write the options of this call to a TOML file that --config reads",
    )


def nested_parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the words that may follow a command, such as `networks export`."""
    choices = (action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {name: nested for found in choices if found for name, nested in found.items()}


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for one in (parser, *nested_parsers(parser).values()):
        yield from one._option_string_actions


def refuse_unknown_options(argv: Sequence[str], parsers: Sequence[argparse.ArgumentParser]) -> None:
    """Raise UsageError for a long option that none of the parsers knows: before it is said that another is missing.

    Args:
        argv: all words.
        parsers: of `compsel`, and of the command.
    """
    known = sorted({option for parser in parsers for option in _options(parser)})
    for word in argv[: argv.index("--")] if "--" in argv else argv:
        name = word.partition("=")[0]
        if name.startswith("-") and f"-{name}" in known and name not in known:
            raise UsageError(f"got the unknown option {name}: did you mean '-{name}'?")
        if name.startswith("--") and name not in known:
            near = did_you_mean(name, known) or _others_with(name)
            raise UsageError(f"got the unknown option {name}{near} (see {parsers[-1].prog} --help)")


def _others_with(option: str) -> str:
    """Return the end of a message about an option that this command lacks: which ones have it; "" where none has."""
    others = [name for name, parser in parser_of(COMMANDS)[1].items() if option in _options(parser)]
    return f", which compsel {', '.join(others)} has" if others else ""


def option_names(parsers: Iterable[argparse.ArgumentParser]) -> frozenset[str]:
    """Return what follows the dashes of the long options of parsers."""
    return frozenset(option[2:] for parser in parsers for option in _options(parser) if option.startswith("--"))


def in_options(message: str, names: frozenset[str]) -> str:
    """Return what a verb says of an argument as what the command says of its option.

    >>> in_options("max_loss: got it together with goal: say all of it in the goal", frozenset({"max-loss", "goal"}))
    '--max-loss: got it together with --goal: say all of it in the goal'
    """

    def option(found: re.Match[str]) -> str:
        name = found["name"].replace("_", "-")
        return f"{found['before']}--{name}" if name in names else found[0]

    return re.sub(r"(?P<before>^|together with )(?P<name>[a-z_]+)(?=: )", option, message)
