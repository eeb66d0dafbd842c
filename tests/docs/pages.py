"""The code in pages of the documentation: blocks of Python, commands, and files, in their order."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Block", "blocks", "pages", "world_of"]

ROOT = Path(__file__).resolve().parents[2]
_BLOCK = re.compile(r"^( *)```(\w+)([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_WORLD = re.compile(r"<!-- world: (\w+) -->")
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """One block of code.

    Attributes:
        language: "python" is run in one namespace a page; of "console" the lines behind "$ "; blocks with a title
            are written to the file of that name. Others ("text", "sh") are only shown.
        title: name of a file, or "".
        text: the code.
        line: where it stands in the page.
    """

    language: str
    title: str
    text: str
    line: int

    @property
    def commands(self) -> list[list[str]]:
        """Words of each command."""
        joined = self.text.replace("\\\n", " ")
        return [shlex.split(line[2:], comments=True) for line in joined.splitlines() if line.startswith("$ ")]


def pages() -> list[Path]:
    """Return all pages, and the README."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def world_of(text: str) -> str | None:
    """Return the world that a page names; None: nothing in it is run."""
    found = _WORLD.search(text)
    return found.group(1) if found else None


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a page."""
    for found in _BLOCK.finditer(text):
        indent, language, info, code = found.groups()
        title = _TITLE.search(info)
        lines = [line.removeprefix(indent) for line in code.splitlines(keepends=True)]
        yield Block(language, title.group(1) if title else "", "".join(lines), text[: found.start()].count("\n") + 1)
