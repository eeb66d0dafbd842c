import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run(script: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / script), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_classify(bundle_folder, photograph_files):
    name, path = next(iter(photograph_files.items()))
    output = run("classify.py", bundle_folder, path)
    assert name in output
    assert " ms, efficientnet-lite0/" in output
    assert "within 3 ms" in output


def test_drop_in(bundle_folder):
    assert "logits: float32 (1, 1000)" in run("drop_in.py", bundle_folder)


@pytest.mark.slow
def test_compare_to_oracle():
    output = run("compare_to_oracle.py")
    assert "oracle" in output
    assert "times its latency" in output


def test_every_example_is_run_here():
    text = Path(__file__).read_text()
    missing = [path.name for path in EXAMPLES.glob("*.py") if f'"{path.name}"' not in text]
    assert not missing


@pytest.mark.slow
def test_retrain(tmp_path):
    (tmp_path / "training_data").symlink_to(EXAMPLES.parent / "training_data")
    output = run("retrain.py", "--only-train", "--out", tmp_path)
    assert "gap closed" in output
    assert sorted(path.name for path in (tmp_path / "pretrained").iterdir()) == [
        "efficientnet-lite.at-least-as-accurate.json",
        "efficientnet-lite.one-percent-less.json",
    ]
