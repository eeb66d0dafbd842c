"""Every reader keeps its bounds on what fuzzing begins with: files as programs write them, and hostile ones."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzzing.target import BrokenBoundError, Target, attempt
from tests.fuzzing.targets import TARGETS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_give_a_value_or_an_error_of_the_package(name: str) -> None:
    target = TARGETS[name]
    outcomes = {attempt(target, seed) for seed in target.seeds().values()}
    assert "value" in outcomes


def test_time_is_bounded() -> None:
    def endless(data: bytes) -> None:
        sum(range(3_000_000))

    with pytest.raises(BrokenBoundError, match="took"):
        attempt(Target("x", endless, dict, most_seconds=0.001), b"")


def test_memory_is_bounded() -> None:
    # in a process of its own: this one may have had as much before
    code = """
from tests.fuzzing.target import BrokenBoundError, Target, attempt
try:
    attempt(Target("x", lambda _: bytearray(b"x" * 400_000_000), dict, most_seconds=60.0), b"")
except BrokenBoundError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert "memory" in said.stdout
