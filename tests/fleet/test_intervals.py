"""Intervals of accuracy: they hold the truth as often as they say, for calibrations come from few outcomes."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import compsel
from compsel.fleet.compare import FleetComparison, compare_bundles
from compsel.fleet.judging.calibration import JudgedCalibration
from compsel.fleet.judging.modelled import ModelledAnswers
from compsel.fleet.judging.sums import PairedSums
from compsel.fleet.learning.recalibration import FeedbackCounts
from compsel.fleet.retrain import retrain
from tests.fleet import simulated

LATENCY_MS = {"small": (1.0, 1.3), "big": (6.0, 8.0)}
KINDS = {"slow": (3.0, 3.0, 3.0, 1.0), "like": (1.0,) * 4, "overconfident": (1.0,) * 4}


Compared = dict[str, tuple[FleetComparison, tuple[float, float]]]


def comparisons(small_model: compsel.Model, place: Path, seed: int) -> Compared:
    """Of a tenth of the answers something is heard: some twenty outcomes judge. Comparisons, and what is true."""
    fleet = simulated.Fleet(KINDS, devices=10, answers=20, heard=0.1, overconfident={"overconfident": 1.0}, seed=seed)
    old = simulated.write(small_model, place / "old", LATENCY_MS)
    cheap = simulated.write(small_model, place / "cheap", LATENCY_MS, penalty=8.0)
    records = fleet.record(old, place)
    new = retrain(records, old, place / "new").out
    bundles = {"cheap": cheap, "new": new}
    truths = {name: fleet.truth(old, bundle, list(KINDS)) for name, bundle in bundles.items()}
    return {name: (compare_bundles(records, old, bundle), truths[name]) for name, bundle in bundles.items()}


@pytest.fixture(scope="module")
def compared(small_model: compsel.Model, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    return comparisons(small_model, tmp_path_factory.mktemp("intervals"), 3)


@pytest.mark.slow
def test_of_ten_fleets_about_as_many_hold_the_truth_as_stated(small_model: compsel.Model, tmp_path: Path) -> None:
    held = {"speedup": 0, "accuracy": 0}
    for seed in range(10):
        for comparison, truth in comparisons(small_model, tmp_path / str(seed), seed).values():
            found = comparison.overall.found
            assert found is not None
            for name, true in zip(held, truth, strict=True):
                interval = getattr(found, name)
                held[name] += interval.low <= true <= interval.high
    assert min(held.values()) >= 17, f"of 20 hold the truth: {held}"


@pytest.mark.parametrize("name", ["cheap", "new"])
def test_they_hold_the_truth_where_little_was_heard(name: str, compared: Compared) -> None:
    comparison, (speedup, accuracy) = compared[name]
    found = comparison.overall.found
    assert found is not None
    assert found.speedup.low < speedup < found.speedup.high
    assert found.accuracy.low < accuracy < found.accuracy.high


def test_errors_of_calibrations_are_as_large_as_stated() -> None:
    """Of 150 fleets whose kinds differ, how far the mean quality is from the truth, in its standard errors."""
    generator, errors = np.random.default_rng(0), []
    for _ in range(150):
        rows, truths = [], []
        for kind in range(8):
            intercept, slope = generator.normal(-0.3, 0.4), generator.normal(1.0, 0.1)
            for _ in range(40):
                odds = generator.normal(1.5, 1.0)
                right = float(generator.random() < 1 / (1 + np.exp(-intercept - slope * odds)))
                rows.append((f"device {kind}", 0, "a", 1 / (1 + np.exp(-odds)), right))
            truths.append((intercept, slope))
        columns = ("device_id", "stage", "variant", "probability_right", "right")
        batch: Any = pa.record_batch([pa.array(one) for one in zip(*rows, strict=True)], list(columns))
        counts = FeedbackCounts(("a",), {f"device {kind}": f"kind {kind}" for kind in range(8)}).add_all([batch])
        found, gradients, error = JudgedCalibration(counts), {}, 0.0
        odds_of = np.linspace(-1.0, 3.0, 20)
        for kind, (intercept, slope) in enumerate(truths):
            quality = found.of(f"kind {kind}")["a",].of(1 / (1 + np.exp(-odds_of)))
            slack = quality * (1 - quality)
            gradients[f"kind {kind}"] = np.array([[slack.mean(), (slack * odds_of).mean()]]) / 8
            error += float((quality - 1 / (1 + np.exp(-intercept - slope * odds_of))).mean()) / 8
        errors.append(error / np.sqrt(found.variance(gradients)))
    assert 0.8 < np.std(errors) < 1.2
    assert abs(np.mean(errors)) < 0.3


def test_what_no_device_of_a_kind_ran_is_told_however_few_there_are() -> None:
    """Else the fleet would be unknown because of a kind that can be left out."""
    sums = PairedSums(1, ModelledAnswers(JudgedCalibration(FeedbackCounts(("a",), {})), 100.0))
    sums.devices["few", "one device"] = np.array([10.0, 50.0, 50.0, 9.0, 9.0, 0.0])
    sums.spent["few"], sums.unmeasured["few"] = np.array([[50.0], [0.0]]), np.array([0.0, 50.0])
    assert "choices that no such device ran" in sums.verdict(["few"], {"few": np.zeros(1)}, None).why
    sums.unmeasured["few"] = np.zeros(2)
    assert sums.verdict(["few"], {"few": np.zeros(1)}, None).why == "1 device, needed are 8"


def test_what_was_heard_of_just_these_answers_corrects_the_model() -> None:
    from compsel.fleet.judging.replay import Expectations

    calibration: Any = SimpleNamespace(sets=[], variance=lambda gradients: 0.0)
    none = np.zeros((0, 2))
    for heard, corrected in ((0, 0.0), (50, -0.05), (100_000, -0.1)):
        found = ModelledAnswers(calibration, 100.0)
        for number in range(max(heard, 50)):
            beyond = -0.2 if number < heard else np.nan
            old, new = Expectations(np.ones(1), 0.9, none, True, beyond), Expectations(np.ones(1), 0.9, none, False)
            found.add("kind", [old, new])
        correction, error = found.judged(["kind"], 2.0 * max(heard, 50))
        assert correction == pytest.approx([corrected, 0.0], abs=1e-3)
        of_new = 0.25 * 0.09 / 50
        assert error**2 == pytest.approx(of_new + 0.25 * 0.09 / (heard + 50), rel=1e-6)
