"""A simulated fleet of a few devices through every command; `benchmarks/simulated_fleet.py` is run for a thousand."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FLEET = Path(__file__).parents[2] / "benchmarks" / "simulated_fleet.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="uploads a FIFO")
def test_a_small_fleet_is_taken_in_learned_from_and_judged(tmp_path: Path) -> None:
    sizes = ["--devices", "20", "--kinds", "2", "--answers", "4000"]
    command = [sys.executable, str(FLEET), str(tmp_path / "fleet"), *sizes, "--json", str(tmp_path / "found.json")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    found = json.loads((tmp_path / "found.json").read_text())
    steps = found["runs"][0]["steps"]
    periods = [step for step in steps if "put_aside" in step]
    assert len(periods) == 3
    for period in periods:
        assert not period["bad_not_found"]
        assert not period["good_refused"]
        assert sum(period["put_aside"].values()) == sum(period["injected"].values()) - period["injected"]["twice"]
    asked = {step["asked to release"]: step["released"] for step in steps if "released" in step}
    assert asked["first"] is True
    assert asked["wasteful"] is False
