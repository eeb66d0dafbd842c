"""Patterns of names are looked for as `Path.glob` does."""

from pathlib import Path

import pytest

from compsel.device.pseudo_files import paths_like

FILES = ("gpu.0/load", "a-gpu-b/load", "card0/gt/gt0/ms", "card1/device/tile0/gt1/idle/ms", "temp1_input", "temp_input")


@pytest.mark.parametrize(
    "pattern",
    ["gpu.*/load", "*gpu*/load", "card*/gt/gt*/ms", "card*/device/tile*/gt*/idle/ms", "temp*_input", "*", "x*"],
)
def test_what_a_pattern_matches(tmp_path: Path, pattern: str) -> None:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    assert paths_like(tmp_path, pattern) == sorted(tmp_path.glob(pattern))
