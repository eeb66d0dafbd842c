"""How long files and functions are, how many parameters they take, which class names stand twice; reasons count.

A reason stands in a comment, and lifts the limit:

    # long: REASON               above a function of more than 40 lines of code
    # many parameters: REASON    above a function of more than 7 parameters
    # long file: REASON          anywhere in a file of more than 300 lines
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE_LINES = 300
FUNCTION_LINES = 40
PARAMETERS = 7

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Excess:
    """Something larger than its limit, without a reason beside it."""

    path: Path
    line: int
    name: str
    size: int
    unit: str
    limit: int

    def __str__(self) -> str:
        return f"{self.name}: {self.size} {self.unit}, allowed are {self.limit} or a reason beside it"


def excesses(path: Path) -> Iterator[Excess]:
    """Give what is too large in a file, the file itself first."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) > FILE_LINES and not any(_says(line, "long file") for line in lines):
        yield Excess(path, 1, path.name, len(lines), "lines", FILE_LINES)
    for node in ast.walk(ast.parse("\n".join(lines))):
        if not isinstance(node, Function):
            continue
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        reasons = list(_comments_above(lines, first))
        size, parameters = _code_lines(node, lines), _parameters(node)
        if size > FUNCTION_LINES and not any(_says(line, "long") for line in reasons):
            yield Excess(path, node.lineno, node.name, size, "lines of code", FUNCTION_LINES)
        if parameters > PARAMETERS and not any(_says(line, "many parameters") for line in reasons):
            yield Excess(path, node.lineno, node.name, parameters, "parameters", PARAMETERS)


def repeated_classes(paths: list[Path]) -> dict[str, list[Path]]:
    """Return the public class names that several files define, with those files."""
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for path in paths:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(path)
    return {name: places for name, places in found.items() if len(places) > 1}


def _says(line: str, what: str) -> bool:
    return re.match(rf"\s*# {what}: \S", line) is not None


def _comments_above(lines: list[str], number: int) -> Iterator[str]:
    """Give the comment lines that stand directly above a line (counted from 1)."""
    for line in reversed(lines[: number - 1]):
        if not line.lstrip().startswith("#"):
            return
        yield line


def _code_lines(function: Function, lines: list[str]) -> int:
    """Count the lines of a function without blank ones, comments and its docstring."""
    documented = set[int]()
    if ast.get_docstring(function) is not None:
        first = function.body[0]
        documented.update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    numbers = range(function.lineno, (function.end_lineno or function.lineno) + 1)
    texts = (lines[number - 1].strip() for number in numbers if number not in documented)
    return sum(bool(text) and not text.startswith("#") for text in texts)


def _parameters(function: Function) -> int:
    """Count the parameters of a function; `self` and `cls` do not count."""
    arguments = function.args
    names = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    extra = sum(one is not None for one in (arguments.vararg, arguments.kwarg))
    return len([name for name in names if name not in ("self", "cls")]) + extra
