"""Non-inferiority: what a policy must show to keep the floor of an objective."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compsel.selection.objective import Objective
from compsel.selection.training.non_inferiority import QualityFloor, paired_difference


def outcomes(n: int, worse: int, better: int) -> tuple[np.ndarray, np.ndarray]:
    """Qualities of a policy and a reference that differ on so many samples."""
    ours, theirs = np.ones(n), np.ones(n)
    ours[:worse] = 0.0
    theirs[worse : worse + better] = 0.0
    return ours, theirs


@given(st.integers(20, 400), st.integers(0, 9), st.integers(0, 9))
def test_the_difference_is_paired_and_never_certain(n, worse, better):
    found = paired_difference(*outcomes(n, worse, better))
    assert found.mean == pytest.approx((better - worse) / n)
    assert found.low() < found.centre < found.high()
    assert abs(found.centre) <= abs(found.mean)


def test_it_covers_the_truth():
    """Of 400 drawn tables with few disagreements, the one-sided bound fails in about 5 %."""
    generator = np.random.default_rng(0)
    failed = 0
    for _ in range(400):
        kinds = generator.choice([-1.0, 0.0, 1.0], 300, p=[0.04, 0.93, 0.03])
        failed += paired_difference(kinds, 0.0).low() > -0.01
    assert failed / 400 < 0.08


def test_groups_count_as_one():
    ours, theirs = outcomes(200, 10, 0)
    alone = paired_difference(ours, theirs)
    together = paired_difference(ours, theirs, np.arange(200) // 10)
    assert together.mean == alone.mean
    assert together.standard_error > 2 * alone.standard_error


def test_more_samples_show_more():
    def missing(n: int, worse: int, better: int) -> float:
        ours, theirs = outcomes(n, worse, better)
        return QualityFloor(Objective(margin=0.01), theirs).missing(ours)

    # as many lost as won, in one answer of thirty
    assert missing(300, 5, 5) > 0
    assert missing(30_000, 500, 500) == 0
    # a loss that is measured is too much, however small
    assert missing(30_000, 600, 450) > 0


def test_a_floor_in_absolute_quality_counts_too():
    floor = QualityFloor(Objective(max_loss=None, min_quality=0.9, margin=0.02), np.zeros(2000))
    assert floor.missing(np.repeat([0.0, 1.0], [190, 1810])) == 0
    assert floor.missing(np.repeat([0.0, 1.0], [300, 1700])) > 0.03


def test_without_a_floor_nothing_is_missing():
    floor = QualityFloor(Objective(max_loss=None), np.ones(50))
    assert floor.missing(np.zeros(50)) == 0
    assert floor.violated(np.zeros(50)) == ""


def test_what_contradicts_the_floor_is_said():
    floor = QualityFloor(Objective(), np.ones(1000))
    assert floor.violated(np.repeat([0.0, 1.0], [40, 960])) == "4.0 points below what is demanded"
    assert floor.violated(np.ones(1000)) == ""


def test_the_margin_is_what_so_few_samples_can_show():
    assert QualityFloor(Objective(), np.ones(60)).margin == pytest.approx(0.0475, abs=1e-3)
    assert QualityFloor(Objective(), np.ones(60), np.arange(60) // 2).margin > 0.06
    assert QualityFloor(Objective(margin=0.02), np.ones(60)).margin == 0.02


def test_without_labels_the_margin_alone_counts():
    """Every disagreement is a loss, and measurable: with many samples nothing else could ship than the reference."""
    ours = np.repeat([0.0, 1.0], [100, 29_900])
    assert QualityFloor(Objective(), np.ones(30_000)).missing(ours) == 0
    labelled = np.ones(30_000)
    labelled[-1] = 0.0
    assert QualityFloor(Objective(), labelled).missing(ours) > 0
