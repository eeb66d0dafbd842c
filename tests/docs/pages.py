"""The code in pages of the documentation: blocks of Python, commands, and files, in their order."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Block", "blocks", "pages", "sections"]

ROOT = Path(__file__).resolve().parents[2]
_NOT_RUN = "<!-- not run -->\n"
_BLOCK = re.compile(rf"^({_NOT_RUN})?( *)```(\w+)([^\n]*)\n(.*?)^\2```$", re.MULTILINE | re.DOTALL)
_WORLD = re.compile(r"<!-- world: (\w+) -->")
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True)
class Block:
    """One block of code.

    Attributes:
        language: "python" is run in one namespace a section, "sh" line by line; blocks with a title are written to the
            file of that name. Others, such as "text", are only shown, as what stands below "not run".
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
        return [shlex.split(line, comments=True) for line in joined.splitlines() if line.strip()]


def pages() -> list[Path]:
    """Return all pages, and the README."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def sections(page: Path) -> Iterator[tuple[str, str]]:
    """Yield what of a page is run: the world that a comment names, and the text below it, with its line numbers."""
    text = page.read_text(encoding="utf-8")
    named = list(_WORLD.finditer(text))
    for found, following in zip(named, [*named[1:], None], strict=False):
        if found.group(1) != "none":
            end = None if following is None else following.start()
            yield found.group(1), "\n" * text[: found.end()].count("\n") + text[found.end() : end]


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a section that are run."""
    for found in _BLOCK.finditer(text):
        not_run, indent, language, info, code = found.groups()
        if not_run:
            continue
        title = _TITLE.search(info)
        lines = [line.removeprefix(indent) for line in code.splitlines(keepends=True)]
        yield Block(language, title.group(1) if title else "", "".join(lines), text[: found.start()].count("\n") + 1)
