"""A soak of seconds: nothing wrong, nothing untyped, nobody left behind; `benchmarks/soak.py` is run for longer."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).parents[2] / "benchmarks" / "soak.py"


@pytest.mark.clock
@pytest.mark.skipif(sys.platform != "linux", reason="limits memory, and forks")
def test_a_soak_of_seconds_finds_nothing(cascade_folder: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        SOAK,
        cascade_folder,
        "--minutes",
        "0.15",
        "--seed",
        "7",
        "--json",
        tmp_path / "found.json",
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["counts"]["answers"] > 20
    assert found["recorded_answers"] == found["counts"]["answers"]
