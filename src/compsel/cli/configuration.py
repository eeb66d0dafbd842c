"""`compsel.toml`: the options of commands from a file, so that what was done can be done again.

    [build]
    models = ["lite0.onnx", "lite2.onnx"]
    samples = "val/"
    out = "bundle/"
    goal = "at most 1 % less accurate"
    technique = ["none", "int8-static"]

A section a command (`[networks.export]` for `networks export`), the names of its options as keys, and the names of what
stands without one (`models`, `bundle`). What is given on the command line wins. Paths are as on the command line:
relative to the working directory. A file that is merely found there, not given by `--config`, may name no code
(`quality = "MODULE:FUNCTION"`): who enters a folder of others has not asked to run it.
"""

import argparse
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from compsel.cli.code_options import is_code
from compsel.cli.commands import COMMANDS
from compsel.cli.parsers import nested_parsers
from compsel.cli.terminal import TERMINAL
from compsel.errors import UsageError, did_you_mean
from compsel.storage.files import atomic_file
from compsel.storage.regular_files import read_regular
from compsel.storage.strict_json import check_nesting

__all__ = ["FILE", "fill", "read_section", "write_section"]

FILE = "compsel.toml"
_MOST_BYTES = 256_000
_DEEPEST = 8
_DEEP_KEY = re.compile(rb"(?:[^\s.=\[\],]{1,100}[ \t]{0,9}\.[ \t]{0,9}){64}")
_NOT_OPTIONS = ("help", "verbosity", "config", "write_config")


def read_section(argv: Sequence[str], command: str, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Return the values of a command's section by the names of its arguments, which then are required no longer.

    Args:
        argv: all words: `--config FILE` may be among them.
        command: its name.
        parser: its parser; changed.

    Raises:
        UsageError: a file that cannot be read, or has a section, a key or a value that is not allowed.
    """
    given = _named(argv)
    if given is None and not Path(FILE).is_file():
        return {}
    path = given or Path(FILE)
    content = _content(path)
    for name in content:
        if name not in COMMANDS:
            raise UsageError(
                f"{path}: got section [{name}], allowed are {', '.join(COMMANDS)}{did_you_mean(name, COMMANDS)}"
            )
    section = content.get(command, {})
    values = _values(f"{path}, [{command}]", section, parser, may_name_code=given is not None)
    for word, nested in nested_parsers(parser).items():
        if word in argv and word in section:
            where = f"{path}, [{command}.{word}]"
            values |= _values(where, section[word], nested, may_name_code=given is not None)
    if values:
        TERMINAL.say(f"{path}: gives {', '.join(values)}, unless given here")
    return values


def fill(arguments: argparse.Namespace, values: Mapping[str, Any]) -> None:
    """Take the values for what the command line does not give."""
    for name, value in values.items():
        if getattr(arguments, name, None) in (None, []):
            setattr(arguments, name, value)


def write_section(path: Path, command: str, parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Write the options of a call, those that have their default left out, as a file that `read_section` reads.

    Raises:
        StorageError: it cannot be written.
    """
    lines: list[str] = []
    for word, one in {"": parser, **nested_parsers(parser)}.items():
        if word and getattr(arguments, "action", None) != word:
            continue
        lines.append(f"[{command}.{word}]" if word else f"[{command}]")
        for key, action in _options(one).items():
            value = getattr(arguments, action.dest, None)
            if value not in (None, False, []) and value != action.default:
                lines.append(f"{key} = {_toml(value)}")
    with atomic_file(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _named(argv: Sequence[str]) -> Path | None:
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        if word == "--":
            break
        option, equals, value = word.partition("=")
        if option == "--config":
            return Path(value if equals else following)
    return None


def _content(path: Path) -> dict[str, Any]:
    try:
        data = read_regular(path, _MOST_BYTES)
        check_nesting(data)
        if _DEEP_KEY.search(data):
            raise ValueError("sections in sections in sections")
        content = tomllib.loads(data.decode("utf-8-sig"))
        _check_depth(path, content)
        return content
    except FileNotFoundError:
        raise UsageError(f"--config: {path}: no such file: give the path of a TOML file") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not TOML: {error}: write texts in quotes, and a [section] a command") from error


def _check_depth(path: Path, content: Any, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise UsageError(f"{path}: has sections in sections in sections: allowed are [command] and [command.action]")
    for value in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
        _check_depth(path, value, depth + 1)


def _options(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    """Return the arguments of a parser by their keys."""
    found: dict[str, argparse.Action] = {}
    for action in parser._actions:
        if action.dest not in _NOT_OPTIONS and not isinstance(action, argparse._SubParsersAction):
            long = [option for option in action.option_strings if option.startswith("--")]
            found[(long or [action.dest])[0].removeprefix("--")] = action
    return found


def _values(where: str, section: Any, parser: argparse.ArgumentParser, *, may_name_code: bool) -> dict[str, Any]:
    if not isinstance(section, dict):
        raise UsageError(f"{where}: got {section!r}, allowed is a section of options: see {parser.prog} --help")
    options = _options(parser)
    values: dict[str, Any] = {}
    for given, value in section.items():
        key = given.replace("_", "-") if given.replace("_", "-") in options else given
        if key in nested_parsers(parser):
            continue
        if key not in options:
            allowed = f"allowed are {', '.join(options)}"
            raise UsageError(f"{where}: got option {given!r}, {allowed}{did_you_mean(key, options)}")
        action = options[key]
        if not may_name_code and is_code(action, value):
            raise UsageError(
                f"{where}: {key}: got {value!r}, which is code: a file that is found in the working directory may not "
                f"name any: give --config {FILE} if you trust it, or --{key} {value}"
            )
        values[action.dest] = _value(f"{where}: {key}", action, value, parser)
        action.required, action.default = False, None
        if not action.option_strings and action.nargs in (None, "+"):
            action.nargs = "*" if action.nargs else "?"
    return values


def _value(where: str, action: argparse.Action, value: Any, parser: argparse.ArgumentParser) -> Any:
    """Return a value as the command line would give it."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise UsageError(f"{where}: got {value!r}, allowed are true and false")
        return value
    several = isinstance(action, argparse._AppendAction) or action.nargs in ("+", "*")
    given: Iterable[Any] = value if isinstance(value, list) else [value]
    if isinstance(value, list) and not several:
        raise UsageError(f"{where}: got a list, allowed is one value")
    converted = []
    for one in given:
        if isinstance(one, (bool, dict, list)):
            raise UsageError(f"{where}: got {one!r}, allowed is a text or a number")
        try:
            result = parser._get_value(action, str(one))
            parser._check_value(action, result)
        except argparse.ArgumentError as error:
            raise UsageError(f"{where}: {error.message} (see {parser.prog} --help)") from None
        converted.append(result)
    return converted if several else converted[0]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(str(value), ensure_ascii=False)  # basic strings of TOML escape as JSON does
