"""The figures of a build's result, from measured tables that are made up."""

from pathlib import Path

import pandas
import pytest

from compsel.building.result import Measured, result_of
from compsel.building.training_tables import selection_dataset
from compsel.evaluation.result import Result
from compsel.processors import default_cpu
from compsel.profiling.from_frames import profile_from_frames
from compsel.selection.objective import Objective
from compsel.selection.training.comparison import train
from compsel.selection.training.trainers import SingleBestTrainer

ELSEWHERE = "cpu:1" if default_cpu().name != "cpu:1" else "cpu:2"
LATENCIES_MS = {
    ("net/none", default_cpu().name): 10.0,
    ("net/none", ELSEWHERE): 5.0,
    ("net/int8", ELSEWHERE): 2.0,
}


def result(noise: float) -> Result:
    """Two variants that are right alike, a fast and a slow one; their latencies spread by a share of themselves."""
    quality = [
        {"sample": number, "variant": f"net/{name}", "quality": float(number % 10 > 0)}
        for number in range(60)
        for name in ("none", "int8")
    ]
    costs = [
        {"variant": variant, "processor": processor, "state": "idle", "latency_ms": latency_ms * (1 + sign * noise)}
        for (variant, processor), latency_ms in LATENCIES_MS.items()
        for sign in (-1, 1) * 10
    ]
    profile = profile_from_frames(pandas.DataFrame(quality), pandas.DataFrame(costs))
    dataset, model = selection_dataset(profile)
    trained = train(dataset, Objective(), (SingleBestTrainer(),))
    return result_of(trained, Measured(profile, dataset, model), Path("bundle"))


def test_today_is_the_model_itself_with_the_threads_that_onnx_runtime_takes() -> None:
    found = result(noise=0.0)
    assert found.current is not None and found.against_current is not None
    assert found.current.latency_ms == pytest.approx(10.0)
    assert found.current.name == f"net/none on {default_cpu().name}"
    assert found.ours.latency_ms == pytest.approx(2.0)
    assert found.against_current.speedup.value == pytest.approx(5.0)
    assert found.ways == {f"net/int8@{ELSEWHERE}": 1.0}


def test_the_interval_of_the_speed_knows_how_well_latencies_are_known() -> None:
    exact, noisy = result(noise=0.0).against_current, result(noise=0.4).against_current
    assert exact is not None and noisy is not None
    assert exact.speedup.high - exact.speedup.low < 0.01
    # 20 runs that spread by 40 %: each mean is known to 18 %, their ratio to a quarter
    assert noisy.speedup.low == pytest.approx(5.0 / 1.29, rel=0.03)
    assert noisy.speedup.high == pytest.approx(5.0 * 1.29, rel=0.03)
