"""`compsel compress` shows latency and accuracy beside size."""

import json
from pathlib import Path

import pytest

from compsel.cli.main import main
from tests.bad_input_world import World


def compress(world: World, tmp_path: Path, *words: object) -> dict[str, object]:
    out = tmp_path / "c.json"
    call = ["compress", world.model, "--out", tmp_path / "v", "--seconds", "0.05", "--json", out, *words]
    assert main(list(map(str, call))) == 0
    content = json.loads(out.read_text())
    assert isinstance(content, dict)
    return content


def test_latency_and_accuracy_stand_beside_the_size(
    small_world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = compress(small_world, tmp_path, "--technique", "float16", "--samples", small_world.samples)
    original, (variant,) = content["originals"]["model"], content["variants"]
    assert original["accuracy"] == pytest.approx(variant["accuracy"], abs=0.2)
    assert original["accuracy_samples"] == 6
    assert variant["speedup"] == pytest.approx(original["latency_ms"] / variant["latency_ms"])
    low, high = variant["speedup_95"]
    assert low <= variant["speedup"] <= high
    printed = capsys.readouterr().out
    cells = printed.splitlines()[1].split()
    assert [f"{variant['latency_ms']:.2f}", f"{variant['speedup']:.2f}x", f"{variant['accuracy']:.1%}"] == cells[3:6]
    assert f"model itself on cpu:1: {original['latency_ms']:.2f} ms, {original['accuracy']:.1%} right on 6" in printed


def test_without_labels_there_is_no_accuracy(small_world: World, tmp_path: Path) -> None:
    (variant,) = compress(small_world, tmp_path, "--technique", "float16")["variants"]
    assert variant["accuracy"] is None
    assert variant["latency_ms"] > 0


def test_nothing_is_timed_where_nothing_is_asked_for(small_world: World, tmp_path: Path) -> None:
    content = compress(small_world, tmp_path, "--technique", "float16", "--seconds", "0")
    assert content["originals"] == {}
    assert "latency_ms" not in content["variants"][0]
