"""Results in sentences: what each part says, and what it does not."""

import numpy as np
import pytest

from compsel.evaluation.next_steps import next_steps
from compsel.evaluation.result import AnswerFigures, Result
from compsel.evaluation.results import PolicyResult
from compsel.profiling.confidence_intervals import Estimate
from compsel.selection.judging.paired_comparison import PairedComparison

SAME = PairedComparison(Estimate(1.0, 1.0, 1.0), Estimate(0.0, 0.0, 0.0))
GAIN = PairedComparison(Estimate(2.0, 1.9, 2.1), Estimate(-0.006, -0.014, 0.002))


def result(**changes) -> Result:
    content = {
        "ours": AnswerFigures("bundle", 5.2, 0.881),
        "current": AnswerFigures("net/none on cpu:2", 10.4, 0.887),
        "current_is": "as your model runs today",
        "against_current": GAIN,
        "ways": {"net/int8-static@cpu:2": 1.0},
        "n": 5000,
    }
    return Result(**(content | changes))


def test_nothing_gained_is_not_called_a_gain():
    (sentence,) = result(against_current=SAME, ours=AnswerFigures("bundle", 10.4, 0.887)).sentences()
    assert "(as fast) as your model" in sentence
    assert "88.7 % right, as before" in sentence
    assert "1.0 times" not in sentence


def test_what_is_slower_is_called_slower():
    slower = PairedComparison(Estimate(0.5, 0.4, 0.625), Estimate(0.01, 0.0, 0.02))
    assert "2.0 times as slow, 95 %: 1.6 to 2.5" in result(against_current=slower).sentences()[0]


def test_every_cost_that_is_known_is_told_beside_what_it_was():
    ours = AnswerFigures("bundle", 5.2, 0.881, size_mb=5.4, memory_mb=30.0, energy_mj=12.0, start_ms=61.0)
    now = AnswerFigures("net/none on cpu:2", 10.4, 0.887, size_mb=18.6, memory_mb=60.4, energy_mj=30.0, start_ms=88.0)
    sentence = result(ours=ours, current=now).sentences()[0]
    assert "5.4 MB on disk instead of 18.6 MB, 30.4 MB less memory, 12 instead of 30 mJ an answer" in sentence
    assert "the first answer 61 ms instead of 88 ms after loading begins" in sentence
    estimated = result(ours=ours, current=now, energy_estimated=True).sentences()[0]
    assert "mJ an answer, estimated" in estimated


def test_ways_are_told_with_their_shares():
    ways = {"a/int8@cpu:2": 0.5, "a/int8@cpu:1": 0.2, "a/int8@cpu:1 > b/none@cpu:2": 0.3}
    assert "70 % a/int8, 30 % a/int8, then b/none." in result(ways=ways).sentences()[0]
    moving = {"a/int8@cpu:2": 0.6, "a/int8@cpu:1": 0.4}
    assert "the same variant for every input, wherever it is fastest: a/int8" in result(ways=moving).sentences()[0]


@pytest.mark.parametrize(
    ("found", "verb"),
    [(GAIN, "It beats"), (PairedComparison(Estimate(0.9, 0.8, 0.95), SAME.accuracy), "does not beat")],
)
def test_the_sceptics_choice_comes_second(found, verb):
    sceptic = AnswerFigures("net/int8-static on cpu:2", 9.0, 0.88)
    second = result(sceptic=sceptic, against_sceptic=found, beats_sceptic=found.beats).sentences()[1]
    assert verb in second
    assert "net/int8-static on cpu:2 (9 ms, 88.0 % right)" in second


def test_what_keeps_it_from_beating_the_sceptics_choice_is_said_with_it():
    sceptic = AnswerFigures("net/int8-static", 2.0, 0.88)
    slower = PairedComparison(Estimate(0.5, 0.4, 0.6), SAME.accuracy)
    told = result(sceptic=sceptic, against_sceptic=slower, why="ship that one").sentences()[1]
    assert told.endswith("; as accurate. Ship that one.")


def test_where_nothing_was_gained_the_floor_that_would_gain_is_named():
    nothing = result(
        against_current=SAME, ours=AnswerFigures("bundle", 10.0, 0.9), current=AnswerFigures("now", 10.0, 0.9)
    )
    nearly = PolicyResult("int8", np.repeat([1.0, 0.0], [89, 11]), np.full(100, 4.0))
    first = next_steps(nothing, {"net/int8-static": nearly})[0]
    assert "net/int8-static would be 2.5 times as fast at -1.0 points" in first
    assert "--max-loss 0.02" in first or "--max-loss 0.01" in first
    assert "no cheaper variant is nearly as accurate" in next_steps(nothing, {})[0]


def test_few_samples_are_told_with_how_well_they_tell():
    wide = PairedComparison(Estimate(2.0, 1.9, 2.1), Estimate(0.0, -0.04, 0.04))
    assert next_steps(result(against_current=wide, n=60), {}) == (
        "60 samples tell the accuracy to 4.0 points: four times as many would halve that.",
    )


def test_a_notebook_shows_the_sentences_escaped():
    shown = result(ours=AnswerFigures("<b>", 5.2, 0.881))._repr_html_()
    assert shown.startswith("<p><strong>&lt;b&gt; answers in")


def test_json_has_units_intervals_and_the_sentences():
    content = result(ours=AnswerFigures("bundle", float("nan"), 0.881)).to_dict()
    assert content["bundle"]["latency_ms"] is None
    assert content["speedup_vs_current_95"] == [1.9, 2.1]
    assert "sceptic" in content
