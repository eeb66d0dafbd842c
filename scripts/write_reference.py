"""Write `docs/reference/` from the code: the command line from its parsers, the Python names from `compsel.__all__`.

Usage: python scripts/write_reference.py [--check]
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

import compsel
from compsel.cli.commands import GROUPS
from compsel.cli.parsers import EXIT_STATUSES, parser_of

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"


def command_line() -> str:
    """Return the page of the commands: one table of options each."""
    root, _ = parser_of([])
    parts = ["# Command line\n\nWhat `compsel COMMAND --help` says, written from the code.\n"]
    parts.append(f"## Options of every command\n\nBefore or after the command.\n\n{_options(root)}")
    parts.append(f"## Exit statuses\n\n{_statuses()}")
    for group, names in GROUPS.items():
        parts.append(f"## {group[:1].upper()}{group[1:]}\n")
        for name in names:
            command = import_module(f"compsel.cli.{name}").COMMAND
            parser = argparse.ArgumentParser(prog=f"compsel {name}", add_help=False)
            command.arguments(parser)
            parts.append(f"### compsel {name}\n\n{_capital(command.help)}.\n\n```text\n{command.example}\n```\n")
            parts.append(_options(parser))
    return "\n".join(parts)


def _statuses() -> str:
    rows = [line.split(None, 1) for line in EXIT_STATUSES.splitlines()[1:]]
    return (
        "\n".join(["| exit status | meaning |", "|---|---|", *(f"| {number} | {text} |" for number, text in rows)])
        + "\n"
    )


def _options(parser: argparse.ArgumentParser) -> str:
    rows = ["| option | meaning |", "|---|---|"]
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            for word, nested in action.choices.items():
                rows += [f"| **{word}** | {helps.get(word) or ''} |", *_options(nested).splitlines()[2:]]
            continue
        name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        value = f" {action.metavar}" if action.option_strings and action.metavar else ""
        if action.choices and not action.metavar:
            value = f" {{{','.join(map(str, action.choices))}}}"
        meaning = (action.help or "").replace("%%", "%").replace("|", "\\|")
        rows.append(f"| `{name}{value}` | {meaning} |")
    return "\n".join(rows) + "\n"


# classes of ours whose methods are in several files
_SPLIT = ("Runtime",)
_WITH_BASES = "    options:\n      inherited_members: true\n"


def python() -> str:
    """Return the page of the public names, for mkdocstrings."""
    functions = sorted(name for name in compsel.__all__ if name[:1].islower())
    classes = sorted(name for name in compsel.__all__ if name[:1].isupper())
    blocks = [f"::: compsel.{name}\n" for name in functions]
    blocks += ["## Classes\n", *(f"::: compsel.{name}\n{_WITH_BASES * (name in _SPLIT)}" for name in classes)]
    return (
        "# Python\n\nAll public names (`compsel.__all__`). Each is loaded when it is first used.\n\n## Functions\n\n"
        + "\n".join(blocks)
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def main() -> int:
    """Write the pages, or with --check say which of them are stale."""
    pages = {FOLDER / "command-line.md": command_line(), FOLDER / "python.md": python()}
    if "--check" in sys.argv:
        stale = [
            path.name for path, text in pages.items() if not path.is_file() or path.read_text(encoding="utf-8") != text
        ]
        print(f"stale: {', '.join(stale)}: run python scripts/write_reference.py" if stale else "up to date")
        return int(bool(stale))
    for path, text in pages.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
