"""Every block of code in the documentation runs, in its order, in a folder as a reader has it; links lead somewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block, blocks, pages, sections
from tests.docs.worlds import make

_RUN = [
    pytest.param(page, *section, id=f"{page.relative_to(ROOT)}, {section[0]}")
    for page in pages()
    for section in sections(page)
]
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)#\s]+)(#[^)\s]+)?\)")


@pytest.mark.slow
@pytest.mark.parametrize(("page", "world", "text"), _RUN)
def test_code_of_a_page(page: Path, world: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(world, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    namespace: dict[str, object] = {"__name__": "__page__"}
    for block in blocks(text):
        place = f"{page.relative_to(ROOT)}, line {block.line}"
        if block.title:
            Path(block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            exec(compile("\n" * block.line + block.text, str(page), "exec"), namespace)
        elif block.language == "sh":
            _run(block, place)


def _run(block: Block, place: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), "."])}
    for words in block.commands:
        assert words[0] in ("compsel", "python"), f"{place}: {words[0]} cannot be run: put <!-- not run --> above it"
        start = [sys.executable, "-m", "compsel"] if words[0] == "compsel" else [sys.executable]
        done = subprocess.run(
            [*start, *words[1:]], capture_output=True, text=True, check=False, env=environment, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0, f"{place}: {' '.join(words)}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target, anchor in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        path = (page.parent / target).resolve()
        if not path.exists() or (anchor and path.suffix == ".md" and anchor[1:] not in _anchors(path)):
            broken.append(target + anchor)
    assert not broken


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_what_of_a_page_is_run(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\nrm x\n```\n<!-- world: empty -->\n```sh\ncompsel run a \\\n    b  # why\n```\n<!-- not run -->\n"
        '```sh\npip install x\n```\n```toml title="a.toml"\nx = 1\n```\n<!-- world: none -->\n```sh\nrm y\n```\n'
    )
    ((world, text),) = sections(page)
    first, second = blocks(text)
    assert (world, first.commands, first.line) == ("empty", [["compsel", "run", "a", "b"]], 5)
    assert (second.title, second.text) == ("a.toml", "x = 1\n")
