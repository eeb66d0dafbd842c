import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.networks import build
from tests.text_models import save_tokenizer, write_table

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


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `small_world.py`: model, crops, bundle and what its build measured."""
    folder = tmp_path_factory.mktemp("world")
    output = run("small_world.py", folder)
    assert "150 crops, in folders by class" in output and "3 variants" in output
    return folder


def test_classify(bundle_folder, photograph_files):
    name, path = next(iter(photograph_files.items()))
    output = run("classify.py", bundle_folder, path)
    assert name in output
    assert " ms, efficientnet-lite0/" in output
    assert "within 3 ms" in output


def test_drop_in(bundle_folder):
    assert "logits: float32 (1, 1000)" in run("drop_in.py", bundle_folder)


def test_camera_stream(world, tmp_path):
    output = run("camera_stream.py", world / "bundle", "--frames", 30, "--fps", 60, "--csv", tmp_path / "frames.csv")
    assert re.search(r"adaptive, 0 busy processes: [\d.]+% of 30 frames in time, \d+ dropped, median", output)
    assert "adaptive, 4 busy processes" in output
    policies = output.count("0 busy processes")
    assert len((tmp_path / "frames.csv").read_text().splitlines()) == 1 + 2 * policies * 30


def test_small_board(world):
    output = run("small_board.py", world / "bundle", "--memory", 100)
    assert "simulated board: 1 core, 100 MB" in output or sys.platform != "linux"
    assert "60 answers: median" in output


def test_retrain_from_records(world):
    output = run("retrain_from_records.py", world / "bundle", world / "bundle.work")
    assert re.search(r"in [246] sessions; \d+\.\d% of the answers were right", output)
    assert "retrained: Built(" in output
    assert "Answer('" in output.splitlines()[-1]


@pytest.mark.slow
def test_text_intents(tmp_path):
    table, tokenizer = write_table(tmp_path / "intents.csv", 240), save_tokenizer(tmp_path / "tokenizer.json")
    encoder = build("minilm-l1", width=0.25, tokenizer=tokenizer).save(tmp_path / "encoder.onnx")
    output = run("text_intents.py", encoder, table)
    assert "out of fold: head" in output
    assert re.search(r"adaptive: [\d.]+% at [\d.]+ ms", output)


def test_own_quality():
    output = run("own_quality.py")
    assert re.search(r"fine/none: [\d.]+ ms, mean IoU 0\.9", output)
    assert re.search(r"coarse/none: [\d.]+ ms, mean IoU 0\.[78]", output)
    assert "at least 0.7" in output


def test_own_technique(world):
    output = run("own_technique.py", world / "photographs.onnx")
    sizes = dict(re.findall(r"^([\w-]+): (\d+) kB", output, re.MULTILINE))
    assert int(sizes["half-storage"]) < 0.7 * int(sizes["none"])
    assert "half-storage:100000: half-storage: no float32 weight" in output


@pytest.mark.slow
def test_own_processor():
    output = run("own_processor.py")
    assert "opencv: its answer to a small graph is the CPU's" in output
    assert re.search(r"photographs/none on opencv: [\d.]+ ms, \d+ MB", output)
    assert "Answer('" in output


def test_pictures(tmp_path):
    rows = [f"{policy},{busy},{n},{n + 1.5},a@cpu:1" for policy in ("adaptive", "x") for busy in (0, 4) for n in (0, 1)]
    (tmp_path / "frames.csv").write_text("\n".join(["policy,busy,frame,latency_ms,choice", *rows, "x,4,2,,dropped"]))
    run("pictures.py", tmp_path / "frames.csv", tmp_path)
    for name in ("camera_stream.png", "compare_to_oracle.svg"):
        assert 2_000 < (tmp_path / name).stat().st_size < 60_000


@pytest.mark.slow
def test_compare_to_oracle():
    output = run("compare_to_oracle.py")
    assert "<- ships" in output
    assert "of the oracle's accuracy at" in output


@pytest.mark.slow
def test_tour(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    notebook = json.loads((EXAMPLES / "tour.ipynb").read_text(encoding="utf-8"))
    names: dict[str, object] = {}
    shown = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None, "strip the outputs of the notebook"
            code = ast.parse("".join(cell["source"]))
            # as a notebook does: the last expression is shown
            last = code.body.pop() if isinstance(code.body[-1], ast.Expr) else None
            exec(compile(code, "tour.ipynb", "exec"), names)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), "tour.ipynb", "eval"), names)
                shown.append(getattr(value, "_repr_html_", value.__repr__)())
    assert sum(text.startswith("<") for text in filter(None, shown)) >= 5


@pytest.mark.slow
def test_retrain(tmp_path):
    (tmp_path / "training_data").symlink_to(EXAMPLES.parent / "training_data")
    output = run("retrain.py", "--only-train", "--out", tmp_path)
    assert "gap closed" in output
    assert sorted(path.name for path in (tmp_path / "pretrained").iterdir()) == [
        "efficientnet-lite.at-least-as-accurate.json",
        "efficientnet-lite.one-percent-less.json",
    ]


def test_retrain_on_measured_records(world, tmp_path):
    for _ in range(6):  # sessions: a fifth of them judges, by chance
        with compsel.load(world / "bundle", record=tmp_path / "records") as runtime:
            for _ in range(4):
                runtime(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    given = ("--records", tmp_path / "records", "--fleet", tmp_path / "fleet", "--new", tmp_path / "new")
    output = run("retrain.py", *given, "--bundle", world / "bundle")
    assert "times the expected cost" in output
    assert (tmp_path / "new" / "device_costs" / "index.json").is_file()
    assert (tmp_path / "fleet" / "releases" / "1" / "bundle" / "manifest.json").is_file()


def test_every_example_is_run_here():
    text = Path(__file__).read_text(encoding="utf-8")
    missing = [path.name for path in EXAMPLES.iterdir() if path.is_file() and f'"{path.name}"' not in text]
    assert not missing


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_every_example_is_short_and_says_how_to_run_it(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 120
    said = ast.get_docstring(ast.parse(text)) or ""
    assert f"python examples/{path.name}" in said
    # `errors` and the names of `compsel.__all__` are what is promised; retrain.py makes the project's own files
    inside = re.findall(r"^(?:from|import) compsel\.(?!errors\b)\S+", text, re.MULTILINE)
    assert not inside or path.name == "retrain.py"
