"""A benchmark of models as they are."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compsel.cli.main import main
from compsel.errors import ProcessorError, SamplesError, UsageError
from compsel.evaluation.perf import perf
from compsel.evaluation.perf.result import latency_figures
from compsel.inputs.samples import ArraySamples
from compsel.models.model import Model
from compsel.networks import build
from tests.text_models import classifier


@pytest.fixture(scope="module")
def file(small_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model.save(tmp_path_factory.mktemp("perf") / "small.onnx")


def test_percentiles_are_those_of_all_runs() -> None:
    latencies = np.arange(0.0, 201.0)
    figures = latency_figures(np.random.default_rng(0).permutation(latencies))
    assert figures == {"mean": 100.0, "p50": 100.0, "p90": 180.0, "p95": 190.0, "p99": 198.0}


def test_models_and_processors_are_timed_in_turns(file: Path) -> None:
    slower = build("mobilenet-v1", width=0.5, resolution=160, classes=10)
    result = perf([file, slower], processors=["cpu:1"], seconds=0.1, memory=False)
    first, second = result.rows
    assert (first.model, second.model) == (str(file), slower.name)
    assert first.runs == second.runs >= 10
    assert first.throughput_per_s == pytest.approx(1000 / first.latency_ms["mean"])
    assert first.speedup is None
    assert second.speedup is not None
    assert second.speedup.low <= second.speedup.value <= second.speedup.high < 1
    ratio = first.latency_ms["p50"] / second.latency_ms["p50"]
    assert second.speedup.value == pytest.approx(ratio)
    assert first.size_mb == pytest.approx(file.stat().st_size / 1e6)


def test_memory_is_that_of_a_process_of_its_own(file: Path) -> None:
    (row,) = perf(file, processors=["cpu:1"], seconds=0.05).rows
    assert row.peak_memory_mb is not None
    assert row.load_ms is not None
    assert 20 < row.peak_memory_mb < 400
    assert row.load_ms > 0


def test_samples_are_fed_where_there_are_any(small_model: Model) -> None:
    images = ArraySamples([np.zeros((40 + number, 60, 3), np.uint8) for number in range(3)])
    assert perf(small_model, samples=images, seconds=0.02, memory=False).inputs.startswith("3 samples, ")
    assert perf(small_model, seconds=0.02, memory=False).inputs.startswith("made-up inputs, ")


def test_texts_of_open_length_are_made_up(tmp_path: Path) -> None:
    result = perf(classifier(), processors=["cpu:1"], seconds=0.02)
    assert result.rows[0].latency_ms["p50"] > 0


def test_json_has_what_a_quotation_needs(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "perf.json"
    call = ["perf", file, "--processor", "cpu:1", "--seconds", "0.05", "--no-memory", "--json", out]
    assert main(list(map(str, call))) == 0
    content = json.loads(out.read_text())
    (row,) = content["rows"]
    assert row["latency_ms"].keys() == {"mean", "p50", "p90", "p95", "p99"}
    assert row.keys() >= {
        "runs",
        "warm_up_runs",
        "stable",
        "throughput_per_s",
        "placement",
        "peak_memory_mb",
        "size_mb",
    }
    assert content["interleaved"] is False
    assert content["device"]["onnxruntime"]
    printed = capsys.readouterr().out
    assert printed.startswith(f"{file} on cpu:1: {row['latency_ms']['p50']:.3g} ms (p50)")
    assert content["device"]["cpu"] in printed


def test_what_cannot_be_measured_is_refused(file: Path, small_model: Model) -> None:
    with pytest.raises(UsageError, match="give at least one"):
        perf([])
    with pytest.raises(UsageError, match="a number of seconds above 0"):
        perf(file, seconds=0)
    with pytest.raises(ProcessorError, match="see compsel devices"):
        perf(file, processors=["cpu:512"])
    with pytest.raises(SamplesError, match="at least one"):
        perf(replace(small_model), samples=ArraySamples([]))
