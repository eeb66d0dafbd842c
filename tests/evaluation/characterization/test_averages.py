import math

import pytest

from compsel.evaluation.characterization.averages import average_changes
from compsel.evaluation.characterization.ispa2018 import PAPER, counterpart
from compsel.evaluation.characterization.row_domination import dominated_rows
from compsel.evaluation.characterization.rows import Row
from compsel.profiling.confidence_intervals import Estimate


def row(model, technique, ratio, size=4.0, score=1.0, processor="cpu:1", why="", **more):
    estimate = Estimate(ratio, 0.99 * ratio, 1.01 * ratio)
    return Row(model, technique, processor, size_mb=size, ratio=estimate, score=score, why=why, **more)


def test_ratios_are_averaged_as_ratios():
    rows = [
        *(row(model, "none", 1.0) for model in "ab"),
        row("a", "int8-static", 0.5, size=1.0),
        row("b", "int8-static", 2.0, size=3.0),
    ]
    average = average_changes(rows)["int8-static"]
    assert average.networks == 2
    assert average.size == pytest.approx(-0.5)
    assert average.time["cpu:1"].value == pytest.approx(0.0)
    assert math.isclose(average.time["cpu:1"].low, -0.5)
    assert math.isclose(average.time["cpu:1"].high, 1.0)
    assert average.accuracy is average.energy is average.memory is None


def test_untrained_networks_have_no_part_in_the_accuracy():
    change = Estimate(-0.02, -0.04, 0.0)
    rows = [
        *(row(model, "none", 1.0) for model in "ab"),
        row("a", "prune", 1.0, accuracy_change=change, agreement=Estimate(0.9, 0.9, 0.9)),
        row("b", "prune", 1.0, agreement=Estimate(0.5, 0.5, 0.5)),
    ]
    average = average_changes(rows)["prune"]
    assert (average.accuracy, average.trained) == (-0.02, 1)
    assert average.agreement == pytest.approx(0.7)


def test_what_was_left_out_has_no_part():
    rows = [row("a", "none", 1.0), Row("a", "prune", "", left_out="no weights")]
    assert average_changes(rows) == {}


def test_rows_are_judged_within_their_network_and_processor():
    rows = [
        row("a", "none", 1.0),
        row("a", "int8-dynamic", 3.0, score=0.9, why="slow kernel"),
        row("a", "none", 1.0, processor="npu"),
        row("a", "int8-dynamic", 0.4, score=0.9, processor="npu"),
        row("b", "none", 1.0, score=0.1),
    ]
    dominations = dominated_rows(rows)
    assert dominations["a/int8-dynamic@cpu:1"].mark == "dominated by none"
    assert dominations["a/int8-dynamic@cpu:1"].why == "slow kernel"
    assert dominations["a/int8-dynamic@npu"].domination is None
    assert dominations["b/none@cpu:1"].domination is None


def test_scales_by_channel_that_are_a_trap():
    rows = [
        row("a", "none", 1.0, score=1.0),
        row("a", "int8-static", 0.6, score=0.54),
        row("a", "int8-static:per_channel=false", 0.5, score=0.69),
    ]
    verdict = dominated_rows(rows)["a/int8-static@cpu:1"]
    assert verdict.domination.by == "int8-static:per_channel=false"
    assert verdict.why == "one scale for each channel is worse here than one for the whole tensor"


def test_a_change_of_accuracy_within_its_error_is_no_gain():
    change = Estimate(0.01, -0.03, 0.05)
    rows = [row("a", "none", 1.0, score=0.9), row("a", "x", 2.0, score=0.91, accuracy_change=change)]
    assert dominated_rows(rows)["a/x@cpu:1"].mark == "dominated by none"


def test_each_technique_of_the_paper_has_its_averages():
    assert [average.name for average in PAPER] == ["16 bit", "8 bit", "6 bit", "pruning"]
    assert counterpart("prune:0.5").time == -0.31
    assert counterpart("int6-weight").accuracy == -0.1001
    assert counterpart("resolution:192") is None
