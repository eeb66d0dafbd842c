"""What is said of two bundles: whose records judge, what cannot be judged, and in which word."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import compsel
from compsel.device.kind import DeviceKind
from compsel.errors import ProfileError
from compsel.fleet.compare import FleetComparison, compare_bundles
from compsel.fleet.judging.calibration import JudgedCalibration
from compsel.fleet.judging.modelled import ModelledAnswers
from compsel.fleet.judging.sums import GroupVerdict, PairedSums
from compsel.fleet.learning.effects import Effects, Level
from compsel.fleet.learning.kind_costs import FleetCosts
from compsel.fleet.learning.recalibration import FeedbackCounts
from compsel.fleet.retrain import Retrained
from compsel.selection.costs.model import CostModel
from tests.fleet import simulated

EARLY, LATE = datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC)
LATENCY_MS = {"small": (1.0, 1.3), "big": (6.0, 8.0)}


def judged(
    speedup: float, more_right: float, penalty: float | None = None, *, devices: int = 30
) -> tuple[FleetComparison, GroupVerdict]:
    """Compare on devices that hardly differ."""
    sums = PairedSums(1, ModelledAnswers(JudgedCalibration(FeedbackCounts(("a",), {})), 100.0))
    generator = np.random.default_rng(0)
    for number in range(devices):
        cost, right = 1000.0 * (1 + 0.01 * generator.normal()), 80.0 + generator.normal()
        sums.devices["kind", str(number)] = np.array(
            [100.0, cost, cost / speedup, right, right + 100 * more_right, 50.0]
        )
    sums.spent["kind"], sums.unmeasured["kind"] = np.ones((2, 1)), np.zeros(2)
    found = sums.verdict(["kind"], {"kind": np.zeros(1)}, penalty)
    return FleetComparison("old", "new", found, {"kind": found}, {}, 0, 1.0, 1.0), found


@pytest.mark.parametrize(
    ("speedup", "more_right", "verdict"),
    [
        (1.2, 0.0, "better"),
        (1.0, 0.02, "better"),
        (0.8, 0.0, "worse"),
        (1.0, -0.02, "worse"),
        (0.8, -0.02, "worse"),
        (1.0, 0.0, "same"),
        (0.8, 0.02, "mixed"),
        (1.2, -0.02, "mixed"),
    ],
)
def test_a_gain_in_one_that_the_other_pays_for_is_mixed_and_not_released(
    speedup: float, more_right: float, verdict: str
) -> None:
    comparison, found = judged(speedup, more_right)
    assert (found.verdict, found.to_dict()["verdict"]) == (verdict, verdict)
    assert found.words.startswith(f"{verdict}: ")
    assert comparison.beats == (verdict == "better")


def test_where_wrong_answers_have_a_price_it_decides() -> None:
    # ten milliseconds an answer; two points more accurate are worth two milliseconds, at 100 a wrong one
    assert judged(10 / 13, 0.02, penalty=100.0)[1].verdict == "worse"
    assert judged(10 / 11, 0.02, penalty=100.0)[1].verdict == "better"
    assert judged(10 / 12, 0.02, penalty=100.0)[1].verdict == "mixed"
    assert judged(1.0, 0.0, penalty=100.0)[1].verdict == "same"


def test_what_the_new_one_recorded_judges_where_the_old_one_is_out_of_use(
    small_model: compsel.Model, tmp_path: Path
) -> None:
    old = simulated.write(small_model, tmp_path / "old", LATENCY_MS)
    new = simulated.write(small_model, tmp_path / "new", LATENCY_MS, penalty=8.0)
    ways = (old, "here", EARLY), (new, "gone", EARLY), (new, "here", LATE)
    for seed, (bundle, kind, begin) in enumerate(ways):
        devices = simulated.Fleet(
            {kind: (1.0,) * 4}, devices=12, sessions=12, answers=10, seed=seed, begin_us=int(begin.timestamp() * 1e6)
        )
        fleet = devices.record(bundle, tmp_path)
    assert compare_bundles(fleet, old, new).judged_by == "old"
    found = compare_bundles(fleet, old, new, since=LATE)
    assert (found.judged_by, found.to_dict()["judged_by"]) == ("new", "new")
    assert "by records of the new one: the old one has none to judge by" in found.words
    verdicts = {found.devices[key].cpu: one for key, one in found.kinds.items()}
    assert verdicts["here"].found is not None
    assert found.overall.devices == verdicts["here"].devices
    assert verdicts["gone"].words == f"unknown: no held-out answer since {LATE.isoformat()} has a latency"
    with pytest.raises(ProfileError, match="no held-out record of either since 2100"):
        compare_bundles(fleet, old, new, since=datetime(2100, 1, 1, tzinfo=UTC))


def test_a_cost_counts_as_often_as_it_was_recorded_in_how_well_costs_are_known() -> None:
    kind = DeviceKind("a", "simulated", 4)
    base = CostModel((("a", "cpu:1"), ("b", "cpu:1")), np.zeros((1, 1)), np.ones((1, 2)), np.ones((1, 2)))
    deviations = {kind.key: np.array([0.01, 0.5])}
    effects = Effects(
        np.zeros(2), {kind.key: np.zeros(2)}, deviations, {}, np.ones(2), Level(1, 0, 0), Level(0.01, 0, 0)
    )
    for rows, uncertainty in (([100, 0], 0.01), ([90, 10], 0.059)):
        costs = FleetCosts(base, effects, {kind.key: kind}, {kind.key: np.array(rows)}, 0, {kind.key: 1})
        (told,) = Retrained(Path("new"), costs, {}, [], 0).to_dict()["kinds"]
        assert told["uncertainty"] == pytest.approx(uncertainty)
