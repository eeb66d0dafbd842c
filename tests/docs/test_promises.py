"""Every promise has its test."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "promises.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| what happens")]
NAMED = re.findall(r"`(tests/[\w/.]+)::(\w+)`", PAGE)


def test_every_promise_names_a_test() -> None:
    assert len(ROWS) > 20
    assert [row for row in ROWS if not re.search(r"`tests/[\w/.]+::\w+`", row)] == []


def test_every_test_that_is_named_exists() -> None:
    missing = []
    for file, name in NAMED:
        found = ROOT / file
        tree = ast.parse(found.read_text(encoding="utf-8")) if found.is_file() else ast.Module([], [])
        if name not in {
            node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }:
            missing.append(f"{file}::{name}")
    assert missing == []
